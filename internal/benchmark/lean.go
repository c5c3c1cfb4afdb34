package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// lean is a client that costs next to nothing: one kept connection on which the
// same request is sent again and again. Clients and server share the machine,
// and it is the server that is to be measured.
type lean struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
}

// connect opens a connection for requests of an execution with that body.
func (s *server) connect(body []byte) (*lean, error) {
	host := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	var req bytes.Buffer
	fmt.Fprintf(&req, "POST /api/v1/executions HTTP/1.1\r\nHost: %s\r\nX-Auth-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		host, s.token, len(body), body)
	return &lean{conn: conn, in: bufio.NewReaderSize(conn, 16<<10), request: req.Bytes()}, nil
}

// post sends the request and reads the whole answer, which must be 201.
func (c *lean) post() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	status, err := c.in.ReadString('\n')
	if err != nil {
		return err
	}
	length := -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without Content-Length")
	}
	if strings.HasPrefix(status, "HTTP/1.1 201 ") {
		_, err = c.in.Discard(length)
		return err
	}
	body, err := io.ReadAll(io.LimitReader(c.in, int64(length)))
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %.300s", strings.TrimSpace(status), body)
}
