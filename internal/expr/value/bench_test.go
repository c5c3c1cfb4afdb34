package value

import (
	"fmt"
	"testing"
)

func BenchmarkDictGetStr(b *testing.B) {
	for _, n := range []int{4, 8, 20, 1000} {
		d := NewDict(n)
		for i := range n {
			d.SetStr(fmt.Sprintf("key%d", i), int64(i))
		}
		key := fmt.Sprintf("key%d", n/2)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.GetStr(key)
			}
		})
	}
}

func BenchmarkDictBuild(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		d := NewDict(5)
		d.SetStr("name", "x")
		d.SetStr("status", "running")
		d.SetStr("count", int64(3))
		d.SetStr("ok", true)
		d.SetStr("ratio", 0.5)
	}
}

func BenchmarkAddInts(b *testing.B) {
	var x, y any = int64(12), int64(30)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Add(nil, x, y)
	}
}

func BenchmarkCompareInts(b *testing.B) {
	var x, y any = int64(1200), int64(3000)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Compare(nil, ">", x, y)
	}
}

func BenchmarkEqual(b *testing.B) {
	for name, pair := range map[string][2]any{
		"str":       {"running", "running"},
		"int":       {int64(5), int64(5)},
		"int-float": {int64(5), 5.0},
		"list":      {NewList(int64(1), "a", 2.5), NewList(int64(1), "a", 2.5)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Equal(pair[0], pair[1])
			}
		})
	}
}

func BenchmarkUpper(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = CallMethod(nil, "some text", "upper", nil, nil)
	}
}

func BenchmarkStrOfDict(b *testing.B) {
	d := DictOf("name", "web01", "ports", NewList(int64(80), int64(443)), "up", true, "load", 0.25)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Str(nil, d)
	}
}

func BenchmarkSort1000(b *testing.B) {
	items := make([]any, 1000)
	for i := range items {
		items[i] = int64(i * 7919 % 1000)
	}
	l := &List{Items: items}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Sorted(nil, l, nil, false)
	}
}

func BenchmarkLoadJSON(b *testing.B) {
	text := `{"name": "web01", "ports": [80, 443], "up": true, "load": 0.25, "tags": {"dc": "fra1", "role": "front"}}`
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_, _ = LoadJSON(nil, text)
	}
}

func BenchmarkDumpJSON(b *testing.B) {
	v, err := FromJSON([]byte(`{"name": "web01", "ports": [80, 443], "up": true, "load": 0.25, "tags": {"dc": "fra1", "role": "front"}}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = DumpJSON(nil, v, JSONOptions{})
	}
}

func BenchmarkPrintf(b *testing.B) {
	args := Tuple{"web01", int64(7), 2.5}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Printf(nil, "%s: %03d (%.2f)", args)
	}
}

func BenchmarkFormat(b *testing.B) {
	args := []any{"web01", int64(7), 2.5}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Format(nil, "{}: {:03d} ({:.2f})", args, nil, nil)
	}
}
