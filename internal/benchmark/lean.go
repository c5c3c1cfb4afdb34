package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
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
func (s *server) connect(body []byte, headers ...string) (*lean, error) {
	host := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	var req bytes.Buffer
	fmt.Fprintf(&req, "POST /api/v1/executions HTTP/1.1\r\nHost: %s\r\nX-Auth-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", host, s.token, len(body))
	for _, h := range headers {
		req.WriteString(h + "\r\n")
	}
	req.WriteString("\r\n")
	req.Write(body)
	return &lean{conn: conn, in: bufio.NewReaderSize(conn, 16<<10), request: req.Bytes()}, nil
}

// succeed sends the request, which must ask to wait for the end, and that must
// be a success.
func (c *lean) succeed() error {
	body, err := c.post()
	if err != nil {
		return err
	}
	var ex execution
	if err := json.Unmarshal(body, &ex); err != nil {
		return err
	}
	if ex.Status != "succeeded" {
		return fmt.Errorf("execution %s %s: %.300s", ex.ID, ex.Status, ex.Result)
	}
	return nil
}

// post sends the request and returns the body of the answer, which must be 201.
func (c *lean) post() ([]byte, error) {
	if _, err := c.conn.Write(c.request); err != nil {
		return nil, err
	}
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	status := strings.TrimSpace(line)
	length, chunked := -1, false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	var body []byte
	switch {
	case chunked:
		if body, err = io.ReadAll(httputil.NewChunkedReader(c.in)); err == nil {
			_, err = c.in.Discard(len("\r\n")) // no trailer
		}
	case length >= 0:
		body = make([]byte, length)
		_, err = io.ReadFull(c.in, body)
	default:
		err = errors.New("an answer without a length")
	}
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 201 ") {
		return nil, fmt.Errorf("%s: %.300s", status, body)
	}
	return body, nil
}
