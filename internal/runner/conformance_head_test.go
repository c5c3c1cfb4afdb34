package runner_test

import (
	"bufio"
	"io"
	"net"
	nethttp "net/http"
	"strings"
)

// head reads a request and keeps what net/http would change: the target as it
// was sent, and header values as Latin-1.
type head struct{ r *bufio.Reader }

type rawHead struct {
	target  string
	headers map[string]string // names lower-cased
}

func newHead(c net.Conn) head { return head{bufio.NewReader(c)} }

func (h head) request() (*nethttp.Request, rawHead, error) {
	raw := rawHead{headers: map[string]string{}}
	var text strings.Builder
	for first := true; ; first = false {
		line, err := h.r.ReadString('\n')
		if err != nil {
			return nil, raw, err
		}
		text.WriteString(line)
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if first {
			if fields := strings.SplitN(line, " ", 3); len(fields) == 3 {
				raw.target = fields[1]
			}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		runes := []rune{}
		for _, b := range []byte(strings.TrimSpace(value)) {
			runes = append(runes, rune(b))
		}
		raw.headers[strings.ToLower(name)] = string(runes)
	}
	req, err := nethttp.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(text.String()), h.r)))
	return req, raw, err
}
