package value

import (
	"math/big"
	"testing"
)

func TestSetOrderFollowsCPython(t *testing.T) {
	s := NewSet(int64(30), int64(1), int64(12), int64(-1), 2.5, true)
	got, err := Repr(nil, s)
	if err != nil {
		t.Fatal(err)
	}
	// CPython 3.11, the elements added one by one.
	if want := "{1, 2.5, 12, -1, 30}"; got != want {
		t.Errorf("repr = %s, want %s", got, want)
	}
}

func TestDictKeysAreEqualAcrossNumericTypes(t *testing.T) {
	d := NewDict(0)
	d.Set(int64(1), "a")
	d.Set(1.0, "b")
	d.Set(true, "c")
	huge := new(big.Int).Lsh(big.NewInt(1), 80)
	d.Set(huge, "big")
	d.Set(float64(1<<40)*float64(1<<40), "float")
	if got, _ := Repr(nil, d); got != "{1: 'c', 1208925819614629174706176: 'float'}" {
		t.Errorf("repr = %s", got)
	}
	if err := d.SetChecked(NewList(), 1); ClassOf(err) != "TypeError" || MessageOf(err) != "unhashable type: 'list'" {
		t.Errorf("list key: %v", err)
	}
}
