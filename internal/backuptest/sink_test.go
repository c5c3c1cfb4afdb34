package backuptest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// sink is an SMTP server that keeps the mails it gets, and can be down.
type sink struct {
	t       *testing.T
	address string

	mu     sync.Mutex
	listen net.Listener // nil: down
	mails  []string
	served sync.WaitGroup
}

func newSink(t *testing.T) *sink {
	s := &sink{t: t}
	s.up()
	t.Cleanup(func() { s.down(); s.served.Wait() })
	return s
}

// up begins to listen, after a time down where it listened before.
func (s *sink) up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	address := s.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.listen, s.address = l, l.Addr().String()
	s.served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.served.Go(func() { defer c.Close(); s.serve(c) })
		}
	})
}

// down refuses connections.
func (s *sink) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listen != nil {
		s.listen.Close()
		s.listen = nil
	}
}

func (s *sink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mails...)
}

// mail waits for a mail whose text has all the words.
func (s *sink) mail(words ...string) (found string) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("a mail with %q is there; there are:\n%s", words, strings.Join(s.got(), "\n---\n")), func() bool {
		for _, m := range s.got() {
			has := true
			for _, w := range words {
				has = has && strings.Contains(m, w)
			}
			if has {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func (s *sink) serve(c net.Conn) {
	in := bufio.NewReader(c)
	say := func(text string) { fmt.Fprintf(c, "%s\r\n", text) }
	say("220 sink")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
		case "DATA":
			say("354 go on")
			var text strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(strings.TrimPrefix(line, ".")) // a point that stands first is sent twice
			}
			s.mu.Lock()
			s.mails = append(s.mails, unquoted(text.String()))
			s.mu.Unlock()
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// unquoted undoes the quoting of long lines, so that words can be looked for.
func unquoted(text string) string {
	text = strings.ReplaceAll(text, "=\r\n", "")
	return strings.ReplaceAll(text, "=3D", "=")
}
