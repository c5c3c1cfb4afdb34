package warm

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memory is the memory file that carries a job to the process and its outcome
// back. The process cannot end our reading by holding it open, and it cannot fill
// a pipe nobody reads.
type memory struct{ file *os.File }

// newMemory returns a memory file that holds job.
func newMemory(job []byte) (*memory, error) {
	fd, err := unix.MemfdCreate("squall-job", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a memory file: %w", err)
	}
	m := &memory{os.NewFile(uintptr(fd), "squall-job")}
	if _, err := m.file.WriteAt(job, 0); err != nil {
		m.close()
		return nil, fmt.Errorf("write the job: %w", err)
	}
	return m, nil
}

func (m *memory) close() { _ = m.file.Close() }

// path is where other processes of the same user find the file: a program may have
// closed descriptors it does not know.
func (m *memory) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), m.file.Fd()) }

// outcome reads what the process wrote: a letter and a JSON value; nil when it
// wrote nothing, or nothing whole.
func (m *memory) outcome() []byte {
	var head [8]byte
	if n, _ := m.file.ReadAt(head[:], 0); n < len(head) {
		return nil
	}
	size := binary.BigEndian.Uint64(head[:])
	info, err := m.file.Stat()
	if err != nil || size < 2 || size != uint64(info.Size())-8 {
		return nil // the job is still there, or the process died while it wrote
	}
	text := make([]byte, size)
	if _, err := m.file.ReadAt(text, 8); err != nil || !json.Valid(text[1:]) {
		return nil
	}
	return text
}
