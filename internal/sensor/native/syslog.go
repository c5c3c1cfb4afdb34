package native

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"squall/internal/sensor"
	"squall/internal/squall"
)

// maxSyslog bounds a message, in bytes.
const maxSyslog = 64 << 10

type syslogConfig struct {
	Listen   string `json:"listen"`   // 127.0.0.1:1514
	Protocol string `json:"protocol"` // udp, tcp or tls; udp
	Cert     string `json:"cert"`     // of tls: files
	Key      string `json:"key"`
}

// receiveSyslog is a syslog server (RFC 3164, RFC 5424; over TCP and TLS with
// either framing of RFC 6587):
// {"host": ..., "app": ..., "pid": ..., "severity": "err", "facility": "auth", "message": ..., "timestamp": ..., "from": ...}.
//
// Over TCP a message is read when the one before it is stored, so a flood waits
// at the sender.
func receiveSyslog(ctx context.Context, job *sensor.NativeJob) error {
	c := syslogConfig{Listen: "127.0.0.1:1514", Protocol: "udp"}
	if err := configure(job, &c); err != nil {
		return err
	}
	switch c.Protocol {
	case "udp":
		return syslogPackets(ctx, job, c.Listen)
	case "tcp":
		l, err := net.Listen("tcp", c.Listen)
		if err != nil {
			return err
		}
		return syslogStreams(ctx, job, l)
	case "tls":
		cert, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return squall.Errorf(squall.Invalid, "configuration: cert and key: %w", err)
		}
		l, err := tls.Listen("tcp", c.Listen, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
		if err != nil {
			return err
		}
		return syslogStreams(ctx, job, l)
	default:
		return squall.Errorf(squall.Invalid, "configuration: protocol is %q; use udp, tcp or tls", c.Protocol)
	}
}

func syslogPackets(ctx context.Context, job *sensor.NativeJob, address string) error {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	q := newQueue(job)
	failed := make(chan error, 1)
	drain, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		failed <- q.drain(drain)
		conn.Close()
	}()
	job.Log.Info("syslog listens", "address", conn.LocalAddr().String())
	job.Ready()
	buf := make([]byte, maxSyslog)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			stop()
			if drained := <-failed; drained != nil || ctx.Err() != nil {
				return drained
			}
			return err
		}
		q.offer(parseSyslog(string(buf[:n]), from.String(), time.Now()))
	}
}

func syslogStreams(ctx context.Context, job *sensor.NativeJob, l net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { l.Close() })()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close()
	job.Log.Info("syslog listens", "address", l.Addr().String())
	job.Ready()
	for {
		conn, err := l.Accept()
		if err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
				return cause
			}
			if ctx.Err() != nil {
				return nil
			}
			cancel(nil)
			return err
		}
		wg.Go(func() {
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			defer conn.Close()
			if err := syslogStream(ctx, job, conn); err != nil {
				cancel(err)
			}
		})
	}
}

// syslogStream reads one connection. An error is the database's; what the sender
// does wrong only ends its connection.
func syslogStream(ctx context.Context, job *sensor.NativeJob, conn net.Conn) error {
	r := bufio.NewReaderSize(conn, maxSyslog)
	for {
		text, err := syslogFrame(r)
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				job.Log.WarnContext(ctx, "a syslog connection was ended", "from", conn.RemoteAddr().String(), "error", err)
			}
			return nil //nolint:nilerr // see above
		}
		if text == "" {
			continue
		}
		err = job.Emit(ctx, "", "", parseSyslog(text, conn.RemoteAddr().String(), time.Now()))
		if err := refused(ctx, job.Log, err); err != nil {
			return err
		}
	}
}

// syslogFrame returns the next message: with its length in front, or up to the
// end of the line.
func syslogFrame(r *bufio.Reader) (string, error) {
	first, err := r.Peek(1)
	if err != nil {
		return "", err
	}
	if first[0] < '1' || first[0] > '9' {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return "", fmt.Errorf("a message of more than %d bytes", maxSyslog)
		}
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = nil
		}
		return strings.TrimRight(string(line), "\r\n\x00"), err
	}
	head, err := r.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSpace(head))
	if err != nil || n > maxSyslog {
		return "", fmt.Errorf("a message of length %q", strings.TrimSpace(head))
	}
	text := make([]byte, n)
	_, err = io.ReadFull(r, text)
	return strings.TrimRight(string(text), "\r\n\x00"), err
}

var (
	severities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
	facilities = []string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
)

// parseSyslog takes a message apart as far as it can; what it cannot stays in
// "message".
func parseSyslog(text, from string, now time.Time) map[string]any {
	text = strings.ToValidUTF8(text, "\uFFFD")
	m := map[string]any{"from": from, "raw": text, "timestamp": now.UTC().Format(time.RFC3339Nano), "severity": "notice", "facility": "user"}
	rest := text
	if strings.HasPrefix(rest, "<") {
		if number, after, ok := strings.Cut(rest[1:], ">"); ok {
			if pri, err := strconv.Atoi(number); err == nil && pri >= 0 && pri < 8*len(facilities) {
				m["severity"], m["facility"] = severities[pri%8], facilities[pri/8]
				rest = after
			}
		}
	}
	if after, ok := strings.CutPrefix(rest, "1 "); ok {
		if fields := strings.SplitN(after, " ", 6); len(fields) == 6 {
			parse5424(m, fields)
			return m
		}
	}
	parse3164(m, rest, now)
	return m
}

// parse5424 reads TIMESTAMP HOST APP PROCID MSGID STRUCTURED-DATA [MSG].
func parse5424(m map[string]any, fields []string) {
	for i, name := range []string{"timestamp", "host", "app", "pid", "msgid"} {
		if fields[i] != "-" {
			m[name] = fields[i]
		}
	}
	data, msg := structured(fields[5])
	if len(data) > 0 {
		m["data"] = data
	}
	m["message"] = strings.TrimPrefix(msg, "\uFEFF")
}

// structured reads [id name="value" ...]... in front of a message. In values a
// backslash takes the meaning from ", \ and ].
func structured(s string) (data map[string]map[string]string, rest string) {
	if after, ok := strings.CutPrefix(s, "-"); ok {
		return nil, strings.TrimPrefix(after, " ")
	}
	data = map[string]map[string]string{}
	for strings.HasPrefix(s, "[") {
		end := strings.IndexAny(s, " ]")
		if end < 0 {
			return data, s
		}
		id, params := s[1:end], map[string]string{}
		s = s[end:]
		for strings.HasPrefix(s, " ") {
			name, after, ok := strings.Cut(s[1:], `="`)
			if !ok {
				return data, s
			}
			var value strings.Builder
			i := 0
			for ; i < len(after) && after[i] != '"'; i++ {
				if after[i] == '\\' && i+1 < len(after) && strings.IndexByte(`"\]`, after[i+1]) >= 0 {
					i++
				}
				value.WriteByte(after[i])
			}
			if i == len(after) {
				return data, s
			}
			params[name] = value.String()
			s = after[i+1:]
		}
		if !strings.HasPrefix(s, "]") {
			return data, s
		}
		data[id] = params
		s = s[1:]
	}
	return data, strings.TrimPrefix(s, " ")
}

// parse3164 reads "Mmm dd hh:mm:ss HOST TAG[PID]: MSG", of which everything may
// be missing.
func parse3164(m map[string]any, rest string, now time.Time) {
	if len(rest) > 16 && rest[15] == ' ' {
		if at, err := time.ParseInLocation(time.Stamp, rest[:15], time.Local); err == nil {
			at = at.AddDate(now.Year(), 0, 0)
			if at.After(now.Add(24 * time.Hour)) { // a message of last year's end
				at = at.AddDate(-1, 0, 0)
			}
			m["timestamp"] = at.UTC().Format(time.RFC3339)
			host, after, ok := strings.Cut(rest[16:], " ")
			if ok && !strings.HasSuffix(host, ":") && !strings.Contains(host, "[") {
				m["host"], rest = host, after
			} else {
				rest = rest[16:]
			}
		}
	}
	if tag, msg, ok := strings.Cut(rest, ":"); ok && tag != "" && len(tag) <= 64 && !strings.ContainsAny(tag, " \t") {
		app, pid, has := strings.Cut(strings.TrimSuffix(tag, "]"), "[")
		m["app"] = app
		if has {
			m["pid"] = pid
		}
		rest = strings.TrimPrefix(msg, " ")
	}
	m["message"] = rest
}
