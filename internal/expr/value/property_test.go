package value

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// scalars draws numbers that meet at the edges of their representations, and
// short texts.
func scalars() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return rapid.Int64Range(-4, 4).Draw(t, "small")
		case 1:
			return rapid.Int64().Draw(t, "int")
		case 2:
			z := big.NewInt(rapid.Int64Range(-4, 4).Draw(t, "mantissa"))
			return NormInt(z.Lsh(z, uint(rapid.IntRange(0, 90).Draw(t, "shift"))))
		case 3:
			return float64(rapid.IntRange(-8, 8).Draw(t, "half")) / 2
		case 4:
			return rapid.Float64().Draw(t, "float")
		case 5:
			return rapid.Bool().Draw(t, "bool")
		}
		return rapid.StringN(0, 3, 8).Draw(t, "text")
	})
}

func hashables() *rapid.Generator[any] {
	return rapid.OneOf(scalars(), rapid.Custom(func(t *rapid.T) any {
		return Tuple(rapid.SliceOfN(scalars(), 0, 3).Draw(t, "tuple"))
	}))
}

func TestEqualValuesHashAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := hashables().Draw(t, "a"), hashables().Draw(t, "b")
		if Equal(a, b) != Equal(b, a) {
			t.Fatalf("equality of %v and %v depends on the side", a, b)
		}
		ha, err := Hash(a)
		if err != nil {
			t.Fatal(err)
		}
		hb, err := Hash(b)
		if err != nil {
			t.Fatal(err)
		}
		if Equal(a, b) && ha != hb {
			t.Fatalf("%v == %v but their hashes are %d and %d", a, b, ha, hb)
		}
	})
}

func TestOrderIsTotalOnNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := scalars().Draw(t, "a"), scalars().Draw(t, "b")
		if IsString(a) != IsString(b) {
			if _, err := Less(nil, a, b); ClassOf(err) != "TypeError" {
				t.Fatalf("%v < %v: %v", a, b, err)
			}
			return
		}
		less, _ := Less(nil, a, b)
		more, _ := Less(nil, b, a)
		holds := 0
		for _, is := range []bool{less, more, Equal(a, b)} {
			if is {
				holds++
			}
		}
		if holds != 1 {
			t.Fatalf("%v and %v: less %v, more %v, equal %v", a, b, less, more, Equal(a, b))
		}
	})
}

// TestDictFollowsModel checks a dict against a slice of pairs.
func TestDictFollowsModel(t *testing.T) {
	type pair struct{ k, v any }
	rapid.Check(t, func(t *rapid.T) {
		d := NewDict(0)
		var model []pair
		find := func(k any) int { return slices.IndexFunc(model, func(p pair) bool { return Equal(p.k, k) }) }
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			k := hashables().Draw(t, "key")
			if len(model) > 0 && rapid.Bool().Draw(t, "known") {
				k = model[rapid.IntRange(0, len(model)-1).Draw(t, "which")].k
			}
			i := find(k)
			switch rapid.IntRange(0, 5).Draw(t, "op") {
			case 0:
				if d.Delete(k) != (i >= 0) {
					t.Fatalf("delete %v: present %v", k, i >= 0)
				}
				if i >= 0 {
					model = slices.Delete(model, i, i+1)
				}
			case 1:
				if key, _, ok := d.PopLast(); ok != (len(model) > 0) || ok && !Equal(key, model[len(model)-1].k) {
					t.Fatalf("last key %v", key)
				}
				if len(model) > 0 {
					model = model[:len(model)-1]
				}
			case 2:
				d = d.Clone()
			default:
				v := rapid.Int64().Draw(t, "value")
				if s, ok := k.(string); ok {
					d.SetStr(s, v)
				} else {
					d.Set(k, v)
				}
				if i >= 0 {
					model[i].v = v
				} else {
					model = append(model, pair{k, v})
				}
			}
		}
		if d.Len() != len(model) {
			t.Fatalf("length %d, want %d", d.Len(), len(model))
		}
		i := 0
		for k, v := range d.All() {
			if !Equal(k, model[i].k) || v != model[i].v {
				t.Fatalf("entry %d is %v: %v, want %v: %v", i, k, v, model[i].k, model[i].v)
			}
			if got, ok := d.Get(k); !ok || got != v {
				t.Fatalf("key %v is not found", k)
			}
			i++
		}
	})
}

func TestSetFollowsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Set{}
		var model []any
		find := func(k any) int { return slices.IndexFunc(model, func(m any) bool { return Equal(m, k) }) }
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			k := hashables().Draw(t, "element")
			if len(model) > 0 && rapid.Bool().Draw(t, "known") {
				k = model[rapid.IntRange(0, len(model)-1).Draw(t, "which")]
			}
			i := find(k)
			if rapid.IntRange(0, 2).Draw(t, "op") == 0 {
				if had, err := s.Discard(k); err != nil || had != (i >= 0) {
					t.Fatalf("discard %v: %v, %v", k, had, err)
				}
				if i >= 0 {
					model = slices.Delete(model, i, i+1)
				}
				continue
			}
			if err := s.Add(k); err != nil {
				t.Fatal(err)
			}
			if i < 0 {
				model = append(model, k)
			}
		}
		items := s.Items()
		if len(items) != len(model) || s.Len() != len(model) {
			t.Fatalf("%d elements, Len %d, want %d", len(items), s.Len(), len(model))
		}
		for _, k := range model {
			if in, err := s.Has(k); !in || err != nil {
				t.Fatalf("%v is missing: %v", k, err)
			}
		}
		if c := s.Clone(); !Equal(c, s) || !c.SubsetOf(s) {
			t.Fatal("a clone differs")
		}
	})
}

// TestArithmeticMatchesBigIntegers checks the small paths against big ones.
func TestArithmeticMatchesBigIntegers(t *testing.T) {
	edge := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3), rapid.SampledFrom([]int64{-1 << 63, 1<<63 - 1, 1 << 32, -1 << 32}))
	rapid.Check(t, func(t *rapid.T) {
		x, y := edge.Draw(t, "x"), edge.Draw(t, "y")
		bx, by := big.NewInt(x), big.NewInt(y)
		want := map[string]*big.Int{
			"+": new(big.Int).Add(bx, by), "-": new(big.Int).Sub(bx, by), "*": new(big.Int).Mul(bx, by),
			"&": new(big.Int).And(bx, by), "|": new(big.Int).Or(bx, by), "^": new(big.Int).Xor(bx, by),
		}
		if y != 0 {
			q, m := floorDivMod(bx, by)
			want["//"], want["%"] = q, m
		}
		for op, z := range want {
			got, err := BinaryOp(nil, op, x, y)
			if err != nil || !Equal(got, NormInt(z)) {
				t.Fatalf("%d %s %d = %v, %v; want %s", x, op, y, got, err, z)
			}
		}
	})
}

func TestSortedIsStableAndOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.Int64Range(0, 20), 0, 300).Draw(t, "keys")
		reverse := rapid.Bool().Draw(t, "reverse")
		items := make([]any, len(keys))
		for i, k := range keys {
			items[i] = Tuple{k, int64(i)}
		}
		got, err := Sorted(nil, &List{Items: items}, func(v any) (any, error) { return v.(Tuple)[0], nil }, reverse)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(got.Items); i++ {
			a, b := got.Items[i-1].(Tuple), got.Items[i].(Tuple)
			ka, kb := a[0].(int64), b[0].(int64)
			if reverse {
				ka, kb = kb, ka
			}
			if ka > kb || ka == kb && a[1].(int64) > b[1].(int64) {
				t.Fatalf("%v before %v", a, b)
			}
		}
	})
}

func TestReprIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := &List{Items: rapid.SliceOfN(hashables(), 0, 5).Draw(t, "items")}
		text, err := Repr(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "inf") || strings.Contains(text, "nan") {
			t.Skip("not a literal")
		}
		back, err := Literal(nil, text)
		if err != nil || !Equal(back, v) {
			t.Fatalf("%s reads back as %v, %v", text, back, err)
		}
	})
}

func TestJSONIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := NewDict(0)
		for _, k := range rapid.SliceOfN(rapid.StringN(0, 4, 8), 0, 12).Draw(t, "keys") {
			d.SetStr(k, &List{Items: rapid.SliceOfN(scalars(), 0, 3).Draw(t, "items")})
		}
		o := JSONOptions{KeepUnicode: rapid.Bool().Draw(t, "unicode"), Pretty: rapid.Bool().Draw(t, "pretty")}
		text, err := DumpJSON(nil, d, o)
		if err != nil {
			t.Fatal(err)
		}
		back, err := LoadJSON(nil, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if eq, err := SameOrEqual(nil, back, d); !eq || err != nil {
			t.Fatalf("%s reads back as %v, %v", text, back, err)
		}
	})
}
