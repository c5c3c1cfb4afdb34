package python

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// channel is the memory file that carries a job to the process and its outcome
// back. The process cannot end the server's reading by holding it open, and an
// action cannot fill a pipe nobody reads.
type channel struct{ file *os.File }

// newChannel returns a channel that holds doc.
func newChannel(doc *document) (*channel, error) {
	fd, err := unix.MemfdCreate("squall-job", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a memory file: %w", err)
	}
	c := &channel{os.NewFile(uintptr(fd), "squall-job")}
	doc.Channel = channelPath(uintptr(fd))
	text, err := json.Marshal(doc)
	if err == nil {
		_, err = c.file.WriteAt(text, 0)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("write the job: %w", err)
	}
	return c, nil
}

func (c *channel) close() { _ = c.file.Close() }

// outcome reads what the process wrote: a kind and a JSON value; 0 when it wrote
// nothing, or nothing whole.
func (c *channel) outcome() (kind byte, value json.RawMessage) {
	var head [9]byte
	if n, _ := c.file.ReadAt(head[:], 0); n < len(head) {
		return 0, nil
	}
	size := binary.BigEndian.Uint64(head[:8])
	info, err := c.file.Stat()
	if err != nil || size < 2 || size != uint64(info.Size())-8 {
		return 0, nil // the job is still there, or the process died while it wrote
	}
	value = make(json.RawMessage, size-1)
	if _, err := c.file.ReadAt(value, 9); err != nil || !json.Valid(value) {
		return 0, nil
	}
	return head[8], value
}
