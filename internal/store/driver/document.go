package driver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/klauspost/compress/zstd"
)

const (
	// InlineMax is the largest document that is kept in its row. Larger ones
	// lie in the table of values, so that lists and later updates of the row
	// stay cheap.
	InlineMax = 2 << 10

	// handBackMin is the size from which a document is compressed by the
	// caller of Update and not by the committer. Below, compressing costs less
	// (about 0.1 ms) than running the update twice.
	handBackMin = 16 << 10
)

// refMark is the first byte of a column that holds a reference into the table
// of values. No JSON text begins with it; a document that does is stored as a
// value whatever its size.
const refMark = 0x01

// RefSize is the length of a reference in bytes: the front of the SHA-256 of
// the body.
const RefSize = 16

// errHandBack travels from the committer to Queue.Do, never further.
var errHandBack = errors.New("documents to be compressed first")

// ErrNotPacked is returned by a writing method that met a large document that
// must be compressed outside the transaction. The committer sees the same from
// Job.WantsPacking, so it does not matter what fn makes of the error.
var ErrNotPacked = errors.New("large document is not compressed yet")

// Value is a document as it lies in the table of values.
type Value struct {
	Ref        []byte // RefSize bytes
	Size       int    // of the document
	Compressed bool
	Body       []byte
}

// Document is a document ready to be stored: Column goes into the row, Value,
// when not nil, into the table of values.
type Document struct {
	Column []byte
	Value  *Value
}

type packedDocument struct {
	raw   []byte
	value *Value
}

// Document prepares doc for storing. A nil document has a nil Column.
func (j *Job) Document(doc []byte) (Document, error) {
	if len(doc) <= InlineMax && (len(doc) == 0 || doc[0] != refMark) {
		return Document{Column: doc}, nil
	}
	v, err := j.Value(doc)
	if err != nil {
		return Document{}, err
	}
	return Document{Column: Reference(v.Ref), Value: v}, nil
}

// Value prepares doc for the table of values.
func (j *Job) Value(doc []byte) (*Value, error) {
	if len(doc) < handBackMin {
		return pack(doc), nil
	}
	for _, p := range j.packed {
		if len(p.raw) == len(doc) && (unsafe.SliceData(p.raw) == unsafe.SliceData(doc) || bytes.Equal(p.raw, doc)) {
			return p.value, nil
		}
	}
	if j.handBacks >= maxHandBacks { // fn makes a different document each time
		return pack(doc), nil
	}
	j.wanted = append(j.wanted, doc)
	return nil, ErrNotPacked
}

// Body prepares a piece of output: its bytes as stored, without a reference.
func (j *Job) Body(data []byte) (body []byte, compressed bool, err error) {
	if len(data) < handBackMin {
		body, compressed = Compress(data)
		return body, compressed, nil
	}
	v, err := j.Value(data)
	if err != nil {
		return nil, false, err
	}
	return v.Body, v.Compressed, nil
}

func (j *Job) packWanted() {
	j.handBacks++
	for _, doc := range j.wanted {
		j.packed = append(j.packed, packedDocument{raw: doc, value: pack(doc)})
	}
	j.wanted = nil
}

// encoder and decoder are safe for concurrent use through EncodeAll and
// DecodeAll. One encoder per running goroutine is kept, made on first use.
var (
	workers    = min(runtime.GOMAXPROCS(0), 4)
	encoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(workers))
	decoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(1<<30))
)

// pieceSize is how much of a large document one processor compresses: enough
// that what repeats is found, little enough that all have work.
const pieceSize = 1 << 20

// Compress returns data as stored: compressed when that makes it smaller. Large
// data is compressed in pieces, side by side; frames that follow each other are
// one stream to whoever reads them (RFC 8878, section 3).
func Compress(data []byte) (body []byte, compressed bool) {
	if len(data) <= InlineMax {
		return data, false
	}
	small := make([]byte, 0, len(data)/4)
	if len(data) < 2*pieceSize || workers == 1 {
		small = encoder.EncodeAll(data, small)
	} else {
		for _, piece := range compressPieces(data) {
			small = append(small, piece...)
		}
	}
	if len(small) < len(data) {
		return small, true
	}
	return data, false
}

func compressPieces(data []byte) [][]byte {
	pieces := slices.Collect(slices.Chunk(data, pieceSize))
	var (
		wg   sync.WaitGroup
		next atomic.Int64
	)
	for range min(workers, len(pieces)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(pieces); i = int(next.Add(1)) - 1 {
				pieces[i] = encoder.EncodeAll(pieces[i], make([]byte, 0, pieceSize/4))
			}
		})
	}
	wg.Wait()
	return pieces
}

// Decompress is the way back from Compress. size is how much will come out, 0
// when that is not known; it only saves memory.
func Decompress(body []byte, compressed bool, size int) ([]byte, error) {
	if !compressed {
		return body, nil
	}
	data, err := decoder.DecodeAll(body, make([]byte, 0, size))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return data, nil
}

func pack(doc []byte) *Value {
	v := &Value{Size: len(doc)}
	hash := func() {
		sum := sha256.Sum256(doc)
		v.Ref = sum[:RefSize]
	}
	if len(doc) < pieceSize {
		hash()
		v.Body, v.Compressed = Compress(doc)
		return v
	}
	var wg sync.WaitGroup
	wg.Go(hash)
	v.Body, v.Compressed = Compress(doc)
	wg.Wait()
	return v
}

// Reference is a column that refers to a value.
func Reference(ref []byte) []byte { return append([]byte{refMark}, ref...) }

// Ref splits a column: the document itself, or the reference to its value.
func Ref(column []byte) (ref []byte, isRef bool) {
	if len(column) == RefSize+1 && column[0] == refMark {
		return column[1:], true
	}
	return nil, false
}

// EncodeRef returns the outer form of a reference: hex digits.
func EncodeRef(ref []byte) string { return hex.EncodeToString(ref) }

// DecodeRef is the way back from EncodeRef; false when s is not a reference.
func DecodeRef(s string) ([]byte, bool) {
	ref, err := hex.DecodeString(s)
	return ref, err == nil && len(ref) == RefSize
}
