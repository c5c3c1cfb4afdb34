package sensor

import (
	"crypto/md5"
	"hash/fnv"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"squall/internal/squall"
)

// Partition says which sensors a node may run. The zero value is any: the nodes
// share them. The others are StackStorm's ways to nail sensors to nodes.
type Partition struct {
	only   []string // these alone; nil: no list
	listed bool
	ranges [][2]int64
}

// Only restricts a node to sensors named by reference (st2: the providers file
// and kvstore).
func Only(refs []string) Partition { return Partition{only: refs, listed: true} }

// maxHash is the end of st2's space of hashes.
const maxHash = 1 << 32

// HashRanges restricts a node to sensors whose reference hashes into one of the
// ranges, "0..1024|2048..MAX", each from inclusive to exclusive; MIN and MAX are
// the ends, and what lies beyond them is moved there (st2: the provider hash).
// Error kind: Invalid.
func HashRanges(text string) (Partition, error) {
	var p Partition
	for part := range strings.SplitSeq(text, "|") {
		low, high, ok := strings.Cut(part, "..")
		from, fromErr := hashEnd(low)
		to, toErr := hashEnd(high)
		if !ok || fromErr != nil || toErr != nil || from > to {
			return p, squall.Errorf(squall.Invalid, "%q is no range of hashes: write it as 0..1024, from MIN to MAX, several with | between them", part)
		}
		p.ranges = append(p.ranges, [2]int64{from, to})
	}
	return p, nil
}

func hashEnd(s string) (int64, error) {
	switch s = strings.TrimSpace(s); strings.ToLower(s) {
	case "min":
		return 0, nil
	case "max":
		return maxHash, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return min(max(n, 0), maxHash), err
}

// hash is st2's: the decimal digits of the reference's MD5, from the last to the
// first, each stirred into 32 bits that turn by five.
func hash(ref string) int64 {
	sum := md5.Sum([]byte(ref))
	digits := new(big.Int).SetBytes(sum[:]).String()
	var h uint32
	for i := len(digits) - 1; i >= 0; i-- {
		h = bits.RotateLeft32(h, 5) ^ uint32(digits[i]-'0')
	}
	return int64(h)
}

// allows reports whether the node may run a sensor.
func (p Partition) allows(ref string) bool {
	switch {
	case p.listed:
		return slices.Contains(p.only, ref)
	case p.ranges != nil:
		h := hash(ref)
		return slices.ContainsFunc(p.ranges, func(r [2]int64) bool { return r[0] <= h && h < r[1] })
	default:
		return true
	}
}

// pinned reports whether the node does not share with others.
func (p Partition) pinned() bool { return p.listed || p.ranges != nil }

// assign says whether self is to run the sensor name, given all hosts that run
// sensors. Every host finds the same answer, and when one comes or goes only
// those sensors move that must: each sensor goes to the host with the highest
// hash of both names.
func assign(hosts []string, self, name string) bool {
	best, most := "", uint64(0)
	for _, h := range hosts {
		sum := fnv.New64a()
		_, _ = sum.Write([]byte(h + "\x00" + name)) // never fails
		n := mix(sum.Sum64())                       // the last bytes hardly reach the upper bits
		if best == "" || n > most || n == most && h < best {
			best, most = h, n
		}
	}
	return best == self
}

func mix(n uint64) uint64 {
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	n ^= n >> 33
	n *= 0xc4ceb9fe1a85ec53
	return n ^ n>>33
}
