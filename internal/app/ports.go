package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"squall/internal/squall"
)

// StackStorm's services listen on a port each, and clients that do not know its
// proxy call them there, without the prefixes /auth, /api and /stream. We answer
// everything everywhere; what differs is one path that two services have.

// portsValue is true (StackStorm's ports), false (none), or three ports.
type portsValue []int

// st2Ports are StackStorm's: of st2auth, st2api and st2stream.
var st2Ports = []int{9100, 9101, 9102}

// Set reads true, false or three ports.
func (v *portsValue) Set(s string) error {
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		*v = slices.Clone(st2Ports)
		return nil
	case "", "false", "no", "off":
		*v = nil
		return nil
	}
	var ports []int
	for item := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(item))
		if err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%q is neither true nor false nor three ports: those of authentication, API and stream", s)
		}
		ports = append(ports, n)
	}
	if len(ports) != len(st2Ports) {
		return fmt.Errorf("%q is not three ports: those of authentication, API and stream", s)
	}
	*v = ports
	return nil
}

// String is what Set reads.
func (v *portsValue) String() string {
	switch {
	case len(*v) == 0:
		return "false"
	case slices.Equal(*v, st2Ports):
		return "true"
	}
	texts := make([]string, len(*v))
	for i, n := range *v {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ",")
}

// openPorts listens on StackStorm's ports, on this machine only. One on which
// server.listen answers already is left out.
func (s *server) openPorts(ctx context.Context) error {
	for i, port := range s.config.Server.St2Ports {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if i == len(st2Ports)-1 {
			s.streamAddress = address
		}
		if covers(s.config.Server.Listen, port) {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return squall.Errorf(squall.Unavailable, "server.st2_ports: %w", err)
		}
		s.atEnd(func() { l.Close() }) //nolint:errcheck // the HTTP server has closed it already
		s.ports = append(s.ports, l)
	}
	return nil
}

// covers reports whether an address that is listened on is that of a port of
// this machine.
func covers(listen string, port int) bool {
	host, p, err := net.SplitHostPort(listen)
	ip := net.ParseIP(host)
	return err == nil && p == strconv.Itoa(port) && (host == "" || ip != nil && (ip.IsUnspecified() || ip.Equal(net.IPv4(127, 0, 0, 1))))
}

// serveListener answers requests of one listener until the server is shut down.
func serveListener(web *http.Server, l net.Listener) error {
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the API: %w", err)
	}
	return nil
}

// handler is the API. Who calls the stream's port means the stream, also where
// the API has the same path and the client does not say what it wants.
func (s *server) handler() http.Handler {
	if s.streamAddress == "" {
		return s.api
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.String() == s.streamAddress {
			r.Header.Set("Accept", "text/event-stream")
		}
		s.api.ServeHTTP(w, r)
	})
}
