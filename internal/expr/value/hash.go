package value

import (
	"hash/maphash"
	"math"
	"math/big"
	"math/bits"
)

// Numbers and tuples of numbers hash exactly as in CPython, because the order
// of a set of them is visible in text. Text hashes are seeded per process, as
// CPython's are, so that hostile keys cannot be chosen to collide.
var hashSeed = maphash.MakeSeed()

const (
	hashBits = 61
	hashMod  = 1<<hashBits - 1 // the prime of CPython's numeric hash
	// hashNone has the low bits of hash(None): CPython 3.11 hashes None by its
	// address, of which address randomisation leaves these alone.
	hashNone = 0x7f73e09bdfe
	// maxHashNodes bounds the hashing of tuples that share parts.
	maxHashNodes = 1 << 22
)

// Hash returns v's hash, or the TypeError for unhashable types. Values that
// are Equal have the same hash.
func Hash(v any) (uint64, error) {
	switch x := v.(type) {
	case string:
		return maphash.String(hashSeed, x), nil
	case int64:
		return hashInt(x), nil
	}
	nodes := 0
	return hashValue(v, 0, &nodes)
}

func hashValue(v any, depth int, nodes *int) (uint64, error) {
	switch x := v.(type) {
	case string:
		return maphash.String(hashSeed, x), nil
	case int64:
		return hashInt(x), nil
	case bool:
		if x {
			return 1, nil
		}
		return 0, nil
	case nil:
		return hashNone, nil
	case float64:
		return hashFloat(x), nil
	case *big.Int:
		return hashBig(x), nil
	case Markup:
		return maphash.String(hashSeed, string(x)), nil
	case Bytes:
		return maphash.String(hashSeed, string(x)), nil
	case Tuple:
		return hashTuple(x, depth, nodes)
	case *Set:
		if !x.Frozen {
			return 0, unhashable(v)
		}
		return hashFrozen(x), nil
	case DateTime:
		return x.hash(), nil
	case Date:
		return x.hash(), nil
	case TimeSpan:
		return x.hash(nodes)
	case *List, *Dict, *DictView:
		return 0, unhashable(v)
	case *SliceKey:
		return 0, unhashable(v)
	case *Range:
		return x.hash(nodes)
	case Hasher:
		return x.HashCode()
	case Object:
		return hashObject(x)
	}
	return 0, unhashable(v)
}

func unhashable(v any) error { return TypeErrorf("unhashable type: '%s'", TypeName(v)) }

// hashObject hashes an object without its own hash by identity; objects that
// define equality only are unhashable, as in Python.
func hashObject(o Object) (uint64, error) {
	if _, ok := o.(Equaler); ok {
		return 0, unhashable(o)
	}
	return maphash.Comparable(hashSeed, o), nil
}

func hashInt(n int64) uint64 {
	neg := n < 0
	u := uint64(n)
	if neg {
		u = -u
	}
	u %= hashMod
	return signedHash(u, neg)
}

// signedHash applies the sign; CPython reserves -1 for errors.
func signedHash(u uint64, neg bool) uint64 {
	if neg {
		u = -u
	}
	if int64(u) == -1 {
		u = uint64(math.MaxUint64) - 1
	}
	return u
}

var bigHashMod = big.NewInt(hashMod)

func hashBig(z *big.Int) uint64 {
	m := new(big.Int).Abs(z)
	m.Mod(m, bigHashMod)
	return signedHash(m.Uint64(), z.Sign() < 0)
}

func hashFloat(f float64) uint64 {
	if f == math.Trunc(f) && math.Abs(f) < 1<<62 {
		return hashInt(int64(f))
	}
	if math.IsInf(f, 1) {
		return 314159
	}
	if math.IsInf(f, -1) {
		neg := int64(-314159)
		return uint64(neg)
	}
	if math.IsNaN(f) {
		return math.Float64bits(f)
	}
	// CPython's _Py_HashDouble: 28 bits of the mantissa at a time, modulo
	// 2**61-1, where multiplying by a power of two is a rotation.
	m, e := math.Frexp(f)
	neg := m < 0
	if neg {
		m = -m
	}
	var x uint64
	for m != 0 {
		x = ((x << 28) & hashMod) | x>>(hashBits-28)
		m *= 1 << 28
		e -= 28
		y := uint64(m)
		m -= float64(y)
		x += y
		if x >= hashMod {
			x -= hashMod
		}
	}
	if e >= 0 {
		e %= hashBits
	} else {
		e = hashBits - 1 - (-1-e)%hashBits
	}
	x = ((x << e) & hashMod) | x>>(hashBits-e)
	return signedHash(x, neg)
}

const (
	xxPrime1 = 11400714785074694791
	xxPrime2 = 14029467366897019727
	xxPrime5 = 2870177450012600261
)

// hashTuple is CPython's tuple hash, derived from xxHash.
func hashTuple(t Tuple, depth int, nodes *int) (uint64, error) {
	if depth > maxDepth {
		return 0, RecursionErrorf("maximum recursion depth exceeded")
	}
	if *nodes += len(t); *nodes > maxHashNodes {
		return 0, memoryError()
	}
	acc := uint64(xxPrime5)
	for _, item := range t {
		lane, err := hashValue(item, depth+1, nodes)
		if err != nil {
			return 0, err
		}
		acc += lane * xxPrime2
		acc = bits.RotateLeft64(acc, 31)
		acc *= xxPrime1
	}
	acc += uint64(len(t)) ^ (xxPrime5 ^ 3527539)
	if acc == math.MaxUint64 {
		return 1546275796, nil
	}
	return acc, nil
}

// hashFrozen is CPython's order-independent frozenset hash.
func hashFrozen(s *Set) uint64 {
	var h uint64
	for i := range s.entries {
		if e := &s.entries[i]; e.live {
			h ^= ((e.hash ^ 89869747) ^ (e.hash << 16)) * 3644798167
		}
	}
	h ^= (uint64(s.Len()) + 1) * 1927868237
	h ^= (h >> 11) ^ (h >> 25)
	h = h*69069 + 907133923
	if h == math.MaxUint64 {
		h = 590923713
	}
	return h
}

// orderKnown reports whether v's hash is the same in every CPython process (as
// far as small sets see it), so that the order of a set containing it is
// defined.
func orderKnown(v any) bool {
	switch x := v.(type) {
	case nil, int64, bool, float64, *big.Int, TimeSpan:
		return true
	case Tuple:
		for _, item := range x {
			if !orderKnown(item) {
				return false
			}
		}
		return true
	}
	return false
}
