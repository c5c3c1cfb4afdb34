package wire

import (
	"bytes"
	"encoding/json"
)

// Document writes what json.Marshal makes of doc, an object, without the members
// that f leaves out. The member "id" is always there.
func (e *Encoder) Document(doc any, f Fields) {
	text, err := json.Marshal(doc)
	if err != nil {
		if e.err == nil {
			e.err = err
		}
		text = []byte("null")
	}
	if f.All() {
		e.Raw(text)
		return
	}
	e.selected(text, f, true)
}

// selected writes the selected members of an object.
func (e *Encoder) selected(text []byte, f Fields, top bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	_, _ = d.Token() // the opening brace
	e.Object(func() {
		for d.More() {
			name, _ := d.Token()
			var v json.RawMessage
			if d.Decode(&v) != nil {
				return // it was written by us: cannot happen
			}
			key := name.(string)
			if !f.Has(key) && !(top && key == "id") {
				continue
			}
			e.key(key)
			if parts := f.Parts(key); parts != nil && v[0] == '{' {
				e.selected(v, Include(parts...), false)
			} else {
				e.Raw(v)
			}
		}
	})
}
