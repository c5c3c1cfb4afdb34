package mistral_test

import (
	"encoding/json"
	"os"
	"testing"

	"squall/internal/workflow"
	"squall/internal/workflow/mistral"
)

// FuzzConvert: nothing makes the converter panic, and what it gives loads.
func FuzzConvert(f *testing.F) {
	data, err := os.ReadFile(recorded)
	if err != nil {
		f.Fatal(err)
	}
	var list []record
	if err := json.Unmarshal(data, &list); err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(list); i += 10 {
		f.Add([]byte(list[i].Text))
	}
	for _, text := range chains {
		f.Add([]byte(text))
	}
	f.Add([]byte("version: '2.0'\nw: &a\n  tasks: {t: *a}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 10_000 {
			return
		}
		mistral.Kind(src)
		for _, w := range mistral.Convert(src, mistral.Options{Pack: "p", Name: "w", Exprs: exprs}).Workflows {
			if (w.Text == "") != (w.Verdict == mistral.NotAtAll) {
				t.Errorf("%s with %d bytes", w.Verdict, len(w.Text))
			}
			if w.Text == "" {
				continue
			}
			if spec, problems := workflow.Parse([]byte(w.Text)); spec == nil {
				t.Errorf("%v\n%s", problems, w.Text)
			}
		}
	})
}
