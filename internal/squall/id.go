package squall

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"
	"time"
)

// ID names a stored object: 24 lower-case hex digits, as StackStorm clients
// store and compare them. IDs made by one IDSource increase strictly, so
// ordering by ID is ordering by time of creation; IDs of several sources are
// ordered by time to within their clocks' difference.
type ID string

// Valid reports whether id has the form of an identifier.
func (id ID) Valid() bool {
	if len(id) != 24 {
		return false
	}
	for i := range len(id) {
		if !strings.ContainsRune("0123456789abcdef", rune(id[i])) {
			return false
		}
	}
	return true
}

// Time returns the creation instant kept in id, to the second: the first four
// bytes, as in MongoDB's ObjectId. It is the zero time when id is not valid.
func (id ID) Time() time.Time {
	if !id.Valid() {
		return time.Time{}
	}
	b, _ := hex.DecodeString(string(id[:8]))
	return time.Unix(int64(binary.BigEndian.Uint32(b)), 0).UTC()
}

// IDSource makes identifiers. The twelve bytes are: four of seconds, three of
// the fraction of the second, five that are random at the start of the source.
// Within one source the first seven bytes never repeat or go back, also when
// the clock does. It may be used by several goroutines at once.
type IDSource struct {
	mu     sync.Mutex
	last   uint64 // seconds<<24 | fraction
	suffix [5]byte
}

// NewIDSource returns a source with a fresh random suffix.
func NewIDSource() *IDSource {
	s := &IDSource{}
	_, _ = rand.Read(s.suffix[:]) // never fails: crypto/rand ends the program instead
	return s
}

// Next returns the next identifier for the instant now.
func (s *IDSource) Next(now time.Time) ID {
	stamp := uint64(now.Unix())<<24 | uint64(now.Nanosecond())*(1<<24)/1_000_000_000
	s.mu.Lock()
	if stamp <= s.last {
		stamp = s.last + 1
	}
	s.last = stamp
	s.mu.Unlock()

	var b [12]byte
	binary.BigEndian.PutUint64(b[:8], stamp<<8)
	copy(b[7:], s.suffix[:])
	return ID(hex.EncodeToString(b[:]))
}

// ObjectID returns the identifier under which a named object appears in the
// API: StackStorm clients expect 24 hex digits beside the reference. It follows
// from the kind and the reference alone, so it is the same on every node and
// stays when a pack is registered again.
func ObjectID(kind, ref string) ID {
	sum := sha256.Sum256([]byte(kind + ":" + ref))
	return ID(hex.EncodeToString(sum[:12]))
}
