package keep

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/warm"
)

// Spec is a command to be run. Fields are only ever added: an old keeper must
// be able to tell a newer server about what it has.
type Spec struct {
	Key   string   // of the run: nothing is started twice under one key
	Path  string   // the program
	Argv  []string // with argv[0]
	Env   []string
	Dir   string
	Shell *Spec  // what to run when Path cannot be executed as it is; nil: nothing
	Input string // standard input

	// Python, when it is not nil, is run instead of Path.
	Python *warm.Spec `json:",omitempty"`

	Marker string // entry of the environment that tells this run's processes
	Sudo   string // program to signal processes of other users with; empty: none
	Secret string // password for it

	Limit   int           // bytes kept of each stream
	Timeout time.Duration // after which it is ended; negative: never
	Grace   time.Duration // between TERM and KILL
	Delay   time.Duration // how long to wait after KILL for streams
	// Alone is how long it may run without a server, if another node could start
	// it again; 0: as long as it wants.
	Alone time.Duration
}

// For is the spec of a job's present attempt. Its time, in seconds, is what the
// keeper looks after while no server is there: one that is has the same limit, and
// ends it itself. alone is for what is repeatable.
func (s Spec) For(job *runner.Job, timeout *int64, alone time.Duration) Spec {
	s.Key, s.Timeout = job.Execution.IdempotencyKey(), -1
	if timeout != nil {
		s.Timeout = max(0, time.Duration(*timeout)*time.Second)
	}
	if job.Action.Repeatable {
		s.Alone = alone
	}
	return s
}

// Ending is how a command ended.
type Ending struct {
	Code     int  // exit code
	Signal   int  // that killed it; 0: none
	Stopped  bool // it was ended
	TimedOut bool // because its time was over

	OutTotal, ErrTotal int64 // bytes printed

	Outcome []byte `json:"-"` // of a Python program: see warm.Run; it has frames and a file of its own

	// Of a command that was not started, or whose end is not known: the number of the
	// system's error, and its text.
	Errno int    `json:",omitempty"`
	Fault string `json:",omitempty"`
}

// The kinds of frames. Those of the first line come from the server.
const (
	frameStart, frameAttach, frameList, framePresence, frameStop, frameDone = 'r', 'a', 'l', 'p', 's', 'd'
	frameBegun, frameOut, frameErr, frameEnd, frameNone, frameKeys          = 'b', 'o', 'e', 'x', 'n', 'k'
	frameOutcome                                                            = 'j'
)

const maxFrame = 64 << 20

func writeFrame(w io.Writer, kind byte, payload []byte) error {
	buf := make([]byte, 5, 5+len(payload))
	buf[0] = kind
	binary.BigEndian.PutUint32(buf[1:], uint32(len(payload)))
	_, err := w.Write(append(buf, payload...))
	return err
}

func writeJSON(w io.Writer, kind byte, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, payload)
}

// readFrame reads one frame; the payload is valid until the next one is read
// into the same buf.
func readFrame(r io.Reader, buf *[]byte) (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint32(head[1:]))
	if n > maxFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes", n)
	}
	if cap(*buf) < n {
		*buf = make([]byte, n)
	}
	payload = (*buf)[:n]
	_, err = io.ReadFull(r, payload)
	return head[0], payload, err
}
