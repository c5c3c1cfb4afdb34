package pgtest

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands between the store and PostgreSQL, so that a test can lose the
// connection in the ways networks do.
type Proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	refuse  bool
	conns   map[net.Conn]struct{}
	inspect func(client, server net.Conn, data []byte) bool // of data to the server; false: not passed on
	done    sync.WaitGroup
}

// NewProxy starts a proxy and returns it with the address to use instead of dsn.
func NewProxy(t testing.TB, dsn string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: u.Host, conns: map[net.Conn]struct{}{}}
	p.done.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.Cut()
		p.done.Wait()
	})
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.refuse
		p.mu.Unlock()
		if refuse {
			_ = client.Close()
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.done.Go(func() { p.pass(client, server, client, server) })
		p.done.Go(func() { p.pass(server, client, client, server) })
	}
}

func (p *Proxy) pass(from, to, client, server net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.mu.Lock()
			inspect := p.inspect
			p.mu.Unlock()
			if from == client && inspect != nil && !inspect(client, server, buf[:n]) {
				continue
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Cut ends all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// Down ends all connections and refuses new ones until Up.
func (p *Proxy) Down() {
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
	p.Cut()
}

// Up lets everything pass again.
func (p *Proxy) Up() {
	p.mu.Lock()
	p.refuse, p.inspect = false, nil
	p.mu.Unlock()
}

// Watch calls inspect with what clients send; what it answers false for is not
// passed on.
func (p *Proxy) Watch(inspect func(client, server net.Conn, data []byte) bool) {
	p.mu.Lock()
	p.inspect = inspect
	p.mu.Unlock()
}
