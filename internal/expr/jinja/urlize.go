package jinja

import (
	"regexp"
	"sort"
	"strings"
	"sync"

	"squall/internal/expr/value"
)

// The patterns follow the original's, with Python's \w and \S spelled out.
const (
	pyWord  = `[\p{L}\p{N}_]`
	pyWordy = `\p{L}\p{N}_`
)

var urlPatterns = sync.OnceValue(func() (p struct{ web, mail, scheme *regexp.Regexp }) {
	p.web = regexp.MustCompile(`(?i)^(?:` +
		`(?:https?://|www\.)(?:(?:[` + pyWordy + `%-]+\.)+)?(?:[a-z]{2,63}|xn--[` + pyWordy + `%]{2,59})` +
		`|(?:[` + pyWordy + `%-]{2,63}\.)+(?:com|net|int|edu|gov|org|info|mil)` +
		`|https?://(?:\d{1,3}(?:\.\d{1,3}){3}|\[(?:[\da-f]{0,4}:){2}(?:[\da-f]{0,4}:?){1,6}\])` +
		`)(?::\d{1,5})?(?:[/?#]\S*)?\n?$`)
	p.mail = regexp.MustCompile(`^\S+@` + pyWord + `[` + pyWordy + `.-]*\.` + pyWord + `+\n?$`)
	p.scheme = regexp.MustCompile(`^[` + pyWordy + `.+-]{2,}:/{0,2}$`)
	return p
})

func urlizeFilter(f *frame, a arglist) (any, error) {
	m := f.m
	u := urlizer{m: m}
	rels := map[string]bool{"noopener": true}
	rel, ok := plainString(a.v[4])
	if !ok && a.v[4] != nil {
		if yes, err := truth(a.v[4]); err != nil {
			return nil, err
		} else if yes {
			return nil, value.AttributeErrorf("'%s' object has no attribute 'split'", value.TypeName(a.v[4]))
		}
	}
	for _, r := range strings.FieldsFunc(rel, isSpace) {
		rels[r] = true
	}
	if nofollow, err := truth(a.v[2]); err != nil {
		return nil, err
	} else if nofollow {
		rels["nofollow"] = true
	}
	list := make([]string, 0, len(rels))
	for r := range rels {
		list = append(list, r)
	}
	sort.Strings(list)
	u.rel = ` rel="` + value.EscapeText(strings.Join(list, " ")) + `"`
	if yes, err := truth(a.v[3]); err != nil {
		return nil, err
	} else if yes {
		target, err := m.escape(a.v[3])
		if err != nil {
			return nil, err
		}
		u.target = ` target="` + string(target) + `"`
	}
	u.limit = a.v[1]
	if a.v[5] != nil {
		if yes, err := truth(a.v[5]); err != nil {
			return nil, err
		} else if yes {
			items, err := value.Collect(m.b, a.v[5])
			if err != nil {
				return nil, err
			}
			for _, v := range items {
				s, ok := plainString(v)
				if !ok {
					return nil, value.TypeErrorf("expected string or bytes-like object, got '%s'", value.TypeName(v))
				}
				if !urlPatterns().scheme.MatchString(s) {
					return nil, value.Errorf(classFilterArg, "%s is not a valid URI scheme prefix.", reprString(s))
				}
				u.schemes = append(u.schemes, s)
			}
		}
	}
	text, err := m.escape(a.v[0])
	if err != nil {
		return nil, err
	}
	out, err := u.text(string(text))
	if err != nil {
		return nil, err
	}
	if f.tc.autoescape {
		return value.Markup(out), nil
	}
	return out, nil
}

// urlizer turns addresses in a text into links.
type urlizer struct {
	m           *machine
	rel, target string
	limit       any
	schemes     []string
}

func (u *urlizer) text(s string) (string, error) {
	if err := u.m.b.Alloc(int64(len(s)) * 4); err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(len(s) + len(s)/2)
	for len(s) > 0 {
		i := strings.IndexFunc(s, isSpace)
		if i < 0 {
			i = len(s)
		}
		word, err := u.word(s[:i])
		if err != nil {
			return "", err
		}
		b.WriteString(word)
		s = s[i:]
		for len(s) > 0 {
			next := skipSpace(s, 0)
			b.WriteString(s[:next])
			s = s[next:]
			break
		}
	}
	return b.String(), nil
}

func (u *urlizer) word(w string) (string, error) {
	head, middle, tail := splitWord(w)
	p := urlPatterns()
	web := p.web.MatchString(middle)
	var err error
	switch {
	case web:
		shown, err := u.shorten(middle)
		if err != nil {
			return "", err
		}
		href := middle
		if !strings.HasPrefix(middle, "https://") && !strings.HasPrefix(middle, "http://") {
			href = "https://" + middle
		}
		middle = `<a href="` + href + `"` + u.rel + u.target + `>` + shown + `</a>`
	case strings.HasPrefix(middle, "mailto:") && p.mail.MatchString(middle[7:]):
		middle = `<a href="` + middle + `">` + middle[7:] + `</a>`
	case strings.Contains(middle, "@") && !strings.HasPrefix(middle, "www.") && !strings.HasPrefix(middle, "@") &&
		!strings.Contains(middle, ":") && p.mail.MatchString(middle):
		middle = `<a href="mailto:` + middle + `">` + middle + `</a>`
	default:
		for _, scheme := range u.schemes {
			if middle != scheme && strings.HasPrefix(middle, scheme) {
				middle = `<a href="` + middle + `"` + u.rel + u.target + `>` + middle + `</a>`
			}
		}
	}
	return head + middle + tail, err
}

// shorten cuts the shown form of a link.
func (u *urlizer) shorten(s string) (string, error) {
	if u.limit == nil {
		return s, nil
	}
	long, err := value.Compare(u.m.b, ">", int64(value.StrLen(s)), u.limit)
	if err != nil || !long {
		return s, err
	}
	cut, err := value.Slice(u.m.b, s, nil, u.limit, nil)
	if err != nil {
		return "", err
	}
	return cut.(string) + "...", nil
}

// splitWord takes brackets and punctuation off the ends of a word, leaving
// brackets in the middle that balance.
func splitWord(w string) (head, middle, tail string) {
	middle = w
	for {
		n := prefixOf(middle, "(", "<", "&lt;")
		if n == 0 {
			break
		}
		head += middle[:n]
		middle = middle[n:]
	}
	for {
		n := suffixOf(middle, ")", ">", ".", ",", "\n", "&gt;")
		if n == 0 {
			break
		}
		tail = middle[len(middle)-n:] + tail
		middle = middle[:len(middle)-n]
	}
	for _, pair := range [...][2]string{{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}} {
		opened := strings.Count(middle, pair[0])
		if opened <= strings.Count(middle, pair[1]) {
			continue
		}
		for range min(opened, strings.Count(tail, pair[1])) {
			end := strings.Index(tail, pair[1]) + len(pair[1])
			middle += tail[:end]
			tail = tail[end:]
		}
	}
	return head, middle, tail
}

func prefixOf(s string, list ...string) int {
	for _, p := range list {
		if strings.HasPrefix(s, p) {
			return len(p)
		}
	}
	return 0
}

func suffixOf(s string, list ...string) int {
	for _, p := range list {
		if strings.HasSuffix(s, p) {
			return len(p)
		}
	}
	return 0
}
