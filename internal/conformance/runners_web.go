package conformance

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// recordedAddress is where the server of the recordings was.
const recordedAddress = "127.0.0.1:9199"

// recordedServer answers as the small HTTP server of the recordings did: raw
// HTTP/1.0 over TCP, because the exact bytes of its answers matter.
type recordedServer struct {
	listener net.Listener
	address  string
	static   map[string][]byte
}

// startRecordedServer listens on a port with four digits, as the recorded one:
// requests name the port, so lengths are equal then.
func startRecordedServer(root string) (*recordedServer, error) {
	s := &recordedServer{}
	var err error
	if s.static, err = readRoutes(filepath.Join(root, "runners", "http_routes.json")); err != nil {
		return nil, err
	}
	for port := 9199; port < 10000; port++ {
		if s.listener, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			s.address = s.listener.Addr().String()
			go s.accept()
			return s, nil
		}
	}
	return nil, errors.New("no port between 9199 and 9999 is free")
}

// readRoutes reads the fixed answers by path.
func readRoutes(file string) (map[string][]byte, error) {
	doc, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var routes struct {
		Static []struct {
			Path, Reason, Body string
			Status             int
			Headers            [][2]string
			Base64             string `json:"body_base64"`
		} `json:"static_routes"`
	}
	if err := json.Unmarshal(doc, &routes); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	static := map[string][]byte{}
	for _, r := range routes.Static {
		body := []byte(strings.Repeat("z", 50000)) // the one that is only described
		if r.Body == "" {
			if body, err = base64.StdEncoding.DecodeString(r.Base64); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, r.Path, err)
			}
		}
		static[r.Path] = httpAnswer(r.Status, r.Reason, r.Headers, body)
	}
	return static, nil
}

func (s *recordedServer) close() { s.listener.Close() } //nolint:errcheck // nobody is interested any more

func (s *recordedServer) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			s.serve(c)
		}()
	}
}

func httpAnswer(status int, reason string, headers [][2]string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.0 %d %s\r\n", status, reason)
	for _, h := range headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// serve answers one request; a client that has gone is nobody's trouble.
func (s *recordedServer) serve(c net.Conn) {
	reader := bufio.NewReader(c)
	if first, err := reader.Peek(1); err != nil || first[0] == 0x16 { // a TLS greeting
		_, _ = c.Write(httpAnswer(http.StatusBadRequest, "Bad Request", nil, nil))
		return
	}
	req, err := readRaw(reader)
	if err != nil {
		return
	}
	_, _ = c.Write(s.answer(req))
}

func (s *recordedServer) answer(req *rawRequest) []byte {
	length := func(b []byte) [2]string { return [2]string{"Content-Length", strconv.Itoa(len(b))} }
	path, query, _ := strings.Cut(req.target, "?")
	if u, err := url.Parse(req.target); err == nil && u.IsAbs() {
		path, query = u.Path, u.RawQuery
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	number := func(i int) int {
		if i >= len(parts) {
			return 0
		}
		n, _ := strconv.Atoi(parts[i])
		return n
	}
	switch {
	case path == "/reset":
		return nil
	case s.static[path] != nil:
		return s.static[path]
	case path == "/echo":
		doc := req.echo(query)
		return httpAnswer(http.StatusOK, "OK", [][2]string{{"Content-Type", "application/json"}, length(doc)}, doc)
	case parts[0] == "status":
		status, headers := number(1), [][2]string{{"Content-Type", "application/json"}}
		if status == http.StatusNoContent || status == http.StatusNotModified {
			return httpAnswer(status, http.StatusText(status), headers, nil)
		}
		doc := fmt.Appendf(nil, `{"code": %d}`, status)
		return httpAnswer(status, http.StatusText(status), append(headers, length(doc)), doc)
	case parts[0] == "redirect":
		status, left, next := number(1), number(2), "/echo"
		if left > 1 {
			next = fmt.Sprintf("/redirect/%d/%d", status, left-1)
		}
		return httpAnswer(status, "Moved", [][2]string{{"Location", next}, {"Content-Length", "5"}}, []byte("moved"))
	case path == "/slow":
		seconds, _ := strconv.ParseFloat(query, 64)
		time.Sleep(time.Duration(seconds * float64(time.Second)))
		return httpAnswer(http.StatusOK, "OK", [][2]string{{"Content-Length", "4"}}, []byte("slow"))
	case path == "/basic":
		if req.headers["authorization"] == "Basic "+base64.StdEncoding.EncodeToString([]byte("u:p")) {
			return httpAnswer(http.StatusOK, "OK", [][2]string{{"Content-Length", "2"}}, []byte("ok"))
		}
		return httpAnswer(http.StatusUnauthorized, "Unauthorized", [][2]string{{"WWW-Authenticate", `Basic realm="r"`}, {"Content-Length", "6"}}, []byte("denied"))
	}
	return httpAnswer(http.StatusNotFound, "Not Found", [][2]string{{"Content-Length", "9"}}, []byte("not found"))
}

// rawRequest keeps what net/http would change: the target as it was sent, and
// header values as Latin-1.
type rawRequest struct {
	method, target string
	headers        map[string]string // names lower-cased
	body           []byte
}

// readRaw reads a request twice: its head as bytes, then all of it with net/http.
func readRaw(r *bufio.Reader) (*rawRequest, error) {
	raw := &rawRequest{headers: map[string]string{}}
	var head bytes.Buffer
	for first := true; ; first = false {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		head.WriteString(line)
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
		name, text, _ := strings.Cut(line, ":")
		var latin1 []rune
		for _, b := range []byte(strings.TrimSpace(text)) {
			latin1 = append(latin1, rune(b))
		}
		raw.headers[strings.ToLower(name)] = string(latin1)
	}
	req, err := http.ReadRequest(bufio.NewReader(io.MultiReader(&head, r)))
	if err != nil {
		return nil, err
	}
	raw.method = req.Method
	raw.body, err = io.ReadAll(req.Body)
	return raw, err
}

// echo describes the request as JSON.
func (r *rawRequest) echo(query string) []byte {
	pairs := [][2]string{}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		k, _ = url.QueryUnescape(k)
		v, _ = url.QueryUnescape(v)
		pairs = append(pairs, [2]string{k, v})
	}
	doc, err := json.Marshal(map[string]any{"method": r.method, "path": r.target, "query": pairs, "headers": r.headers, "body": string(r.body)})
	if err != nil {
		return []byte(err.Error())
	}
	return doc
}
