package jinja

import (
	"strings"

	"squall/internal/expr/value"
)

// loremWords is the stock of filler text.
var loremWords = strings.Fields(`a ac accumsan ad adipiscing aenean aliquam aliquet amet ante aptent arcu
at auctor augue bibendum blandit class commodo condimentum congue consectetuer consequat conubia convallis
cras cubilia cum curabitur curae cursus dapibus diam dictum dictumst dignissim dis dolor donec dui duis
egestas eget eleifend elementum elit enim erat eros est et etiam eu euismod facilisi facilisis fames
faucibus felis fermentum feugiat fringilla fusce gravida habitant habitasse hac hendrerit iaculis id
imperdiet in inceptos integer interdum ipsum justo lacinia lacus laoreet lectus leo libero ligula litora
lobortis lorem luctus maecenas magna magnis malesuada massa mattis mauris metus mi molestie mollis montes
morbi mus nam nascetur natoque nec neque netus nibh nisi nisl non nonummy nostra nulla nullam nunc odio
orci ornare parturient pede pellentesque penatibus per pharetra phasellus placerat platea porta porttitor
posuere potenti praesent pretium primis proin pulvinar purus quam quis quisque rhoncus ridiculus risus
rutrum sagittis sapien scelerisque sed sem semper senectus sit sociis sociosqu sodales sollicitudin
suscipit suspendisse taciti tellus tempor tempus tincidunt torquent tortor tristique turpis ullamcorper
ultrices ultricies urna ut varius vehicula vel velit venenatis vestibulum vitae vivamus viverra volutpat
vulputate`)

// lipsum makes n paragraphs of filler text with at least min and fewer than max
// words each. The text is the same every time.
func lipsum(f *frame, a arglist) (any, error) {
	n, err := value.AsIndex(a.v[0])
	if err != nil {
		return nil, err
	}
	html, err := truth(a.v[1])
	if err != nil {
		return nil, err
	}
	lo, err := value.AsIndex(a.v[2])
	if err != nil {
		return nil, err
	}
	hi, err := value.AsIndex(a.v[3])
	if err != nil {
		return nil, err
	}
	if lo >= hi && n > 0 {
		return nil, value.ValueErrorf("empty range for randrange() (%d, %d, %d)", lo, hi, hi-lo)
	}
	var paragraphs []any
	rnd := uint64(0x9e3779b97f4a7c15)
	for range max(n, 0) {
		words := lo + int64(step(&rnd)%uint64(hi-lo))
		if err := f.m.b.Alloc(16 * max(words, 1)); err != nil {
			return nil, err
		}
		p := paragraph(&rnd, int(words))
		if html {
			p = "<p>" + value.EscapeText(p) + "</p>"
		}
		paragraphs = append(paragraphs, p)
	}
	if !html {
		return f.m.joinText("\n\n", paragraphs)
	}
	s, err := f.m.joinText("\n", paragraphs)
	if err != nil {
		return nil, err
	}
	return value.Markup(s.(string)), nil
}

// step is a small generator of numbers that look random.
func step(s *uint64) uint64 {
	*s = *s*6364136223846793005 + 1442695040888963407
	return *s >> 33
}

// paragraph makes sentences of n words in all, ending with a full stop.
func paragraph(rnd *uint64, n int) string {
	var b strings.Builder
	start, last, comma := true, "", 0
	for i := range n {
		w := loremWords[step(rnd)%uint64(len(loremWords))]
		for w == last {
			w = loremWords[step(rnd)%uint64(len(loremWords))]
		}
		last = w
		if start {
			w = strings.ToUpper(w[:1]) + w[1:]
			start = false
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
		comma++
		switch r := step(rnd) % 16; {
		case i == n-1:
		case r == 0 && comma > 3:
			b.WriteByte('.')
			start, comma = true, 0
		case r < 3 && comma > 2:
			b.WriteByte(',')
			comma = 0
		}
	}
	b.WriteByte('.')
	return b.String()
}
