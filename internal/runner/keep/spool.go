package keep

import (
	"io"
	"os"
)

// spool keeps what a stream holds, up to a limit: the first part in memory, the
// rest in a file without a name. It is guarded by its run.
type spool struct {
	dir   string
	limit int
	mem   []byte
	file  *os.File
	size  int   // bytes kept
	total int64 // bytes printed
}

// inMemory is how much of a stream needs no file: most commands print less.
const inMemory = 64 << 10

func (s *spool) write(b []byte) {
	s.total += int64(len(b))
	b = b[:min(len(b), s.limit-s.size)]
	n := min(len(b), inMemory-len(s.mem))
	if n > 0 {
		s.mem = append(s.mem, b[:n]...)
		s.size += n
		b = b[n:]
	}
	if len(b) == 0 {
		return
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "spool")
		if err != nil {
			s.limit = s.size // the disk is full: the rest counts as cut off
			return
		}
		_ = os.Remove(f.Name())
		s.file = f
	}
	if _, err := s.file.WriteAt(b, int64(s.size-len(s.mem))); err != nil {
		s.limit = s.size
		return
	}
	s.size += len(b)
}

// read fills b with what is kept from offset on and returns how much that is.
func (s *spool) read(b []byte, offset int) int {
	b = b[:min(len(b), s.size-offset)]
	if len(b) == 0 {
		return 0
	}
	if offset < len(s.mem) {
		return copy(b, s.mem[offset:])
	}
	n, err := s.file.ReadAt(b, int64(offset-len(s.mem)))
	if err != nil && err != io.EOF {
		return 0
	}
	return n
}

// save writes what is kept into a file.
func (s *spool) save(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(s.mem); err != nil {
		return err
	}
	if s.file != nil {
		if _, err := io.Copy(f, io.NewSectionReader(s.file, 0, int64(s.size-len(s.mem)))); err != nil {
			return err
		}
	}
	return f.Sync()
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}
