package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress draws one changing line at a terminal while nothing else is printed:
// what is going on and for how long. A nil progress does nothing.
type progress struct {
	w       io.Writer
	word    string
	started time.Time
	done    chan struct{}
	wg      sync.WaitGroup

	mu    sync.Mutex
	drawn bool
	quiet time.Time // nothing is drawn before; after output the line keeps away for a moment
}

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

func startProgress(w io.Writer, word string) *progress {
	now := time.Now()
	p := &progress{w: w, word: word, started: now, done: make(chan struct{}), quiet: now.Add(300 * time.Millisecond)}
	p.wg.Go(p.loop)
	return p
}

func (p *progress) loop() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-p.done:
			return
		case now := <-tick.C:
			p.mu.Lock()
			if now.After(p.quiet) {
				fmt.Fprintf(p.w, "\r\033[K%c %s %s", spinner[i%len(spinner)], p.word, short(now.Sub(p.started).Truncate(100*time.Millisecond)))
				p.drawn = true
			}
			p.mu.Unlock()
		}
	}
}

// clear removes the line before something else is printed.
func (p *progress) clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\033[K")
		p.drawn = false
	}
	p.quiet = time.Now().Add(time.Second)
}

// stop removes the line for good.
func (p *progress) stop() {
	if p == nil {
		return
	}
	close(p.done)
	p.wg.Wait()
	p.clear()
}
