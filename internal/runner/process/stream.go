package process

import (
	"io"
	"os"
)

// Stream collects one output stream: everything goes to Live as it comes, and up
// to Limit bytes of it are kept.
type Stream struct {
	From  *os.File
	Live  io.Writer // an Output's: it never fails
	Limit int
	Kept  []byte
	Total int64 // bytes printed
}

// firstRead is the size of a stream's first buffer: most commands print less.
const firstRead = 4 << 10

// Drain reads until the stream ends, or a deadline set on From passes, then
// closes it.
func (s *Stream) Drain() {
	defer s.From.Close()
	var spill []byte // where what exceeds the limit is read to
	for {
		if len(s.Kept) == cap(s.Kept) && len(s.Kept) < s.Limit {
			grown := make([]byte, len(s.Kept), min(s.Limit, max(firstRead, 2*cap(s.Kept))))
			copy(grown, s.Kept)
			s.Kept = grown
		}
		buf := s.Kept[len(s.Kept):cap(s.Kept)]
		keeps := len(buf) > 0
		if !keeps {
			if spill == nil {
				spill = make([]byte, 32<<10)
			}
			buf = spill
		}
		n, err := s.From.Read(buf)
		if n > 0 {
			s.Total += int64(n)
			if keeps {
				s.Kept = s.Kept[:len(s.Kept)+n]
			}
			_, _ = s.Live.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// Take adds what was read elsewhere.
func (s *Stream) Take(b []byte) {
	s.Total += int64(len(b))
	if room := s.Limit - len(s.Kept); room > 0 {
		s.Kept = append(s.Kept, b[:min(room, len(b))]...)
	}
	_, _ = s.Live.Write(b)
}

// Note adds a line of ours, as if the process had printed it.
func (s *Stream) Note(line string) {
	if line == "" {
		return
	}
	s.Kept = append(s.Kept, line...)
	s.Total += int64(len(line))
	_, _ = io.WriteString(s.Live, line)
}
