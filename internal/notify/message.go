package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/param"
	"squall/internal/squall"
)

// Message is one thing to be told. Templates of a sink see its members by their
// JSON names.
type Message struct {
	ID        squall.ID       `json:"id"` // stays the same when it is told again
	Route     string          `json:"route"`
	Message   string          `json:"message"`
	Data      json.RawMessage `json:"data,omitempty"`
	Execution squall.ID       `json:"execution_id"`
	Action    string          `json:"action"`
	Status    squall.Status   `json:"status"`
	User      string          `json:"user"`
	StartedAt time.Time       `json:"started_at"`
	EndedAt   time.Time       `json:"ended_at"`
	URL       string          `json:"url,omitempty"` // where people look at the execution
	// Parameters and Result are masked.
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Result     json.RawMessage `json:"result,omitempty"`
}

// Sink takes messages, several as a digest.
type Sink interface {
	// Deliver returns nil when all were taken. After an error all are tried again.
	Deliver(ctx context.Context, list []*Message) error
}

// Permanent marks an error that trying again does not help.
type Permanent struct{ Err error }

// Error returns the cause's text.
func (p *Permanent) Error() string { return p.Err.Error() }

// Unwrap returns the cause.
func (p *Permanent) Unwrap() error { return p.Err }

const (
	defaultSubject = "{{ message }}"
	defaultBody    = `{{ (data | default({}, true)).text | default(message, true) }}

{{ action }} {{ status }}, requested by {{ user }}
started {{ started_at }}, ended {{ ended_at }}
to look at it: squall execution tree {{ execution_id }} {{ url | default("", true) }}
`
)

// texts renders subject and body of a message.
func (s *SinkConfig) texts(ctx context.Context, exprs *expr.Set, m *Message) (subject, body string, err error) {
	doc, err := json.Marshal(m)
	if err != nil {
		return "", "", fmt.Errorf("render message: %w", err)
	}
	variables, err := value.FromJSON(doc)
	if err != nil {
		return "", "", fmt.Errorf("render message: %w", err)
	}
	mapping := value.DictOf("subject", or(s.Subject, defaultSubject), "body", or(s.Body, defaultBody))
	out, err := param.RenderValues(ctx, exprs, mapping, variables.(*value.Dict), nil, expr.TemplateOptions{})
	if err != nil {
		return "", "", &Permanent{fmt.Errorf("render message: %w", err)}
	}
	text := func(name string) string {
		v, _ := out.GetStr(name)
		t, _ := value.AsString(v)
		return t
	}
	return oneLine(text("subject")), text("body"), nil
}

// page returns the HTML that a message brings beside its text: the member html of
// its data. Empty: none, or the sink has a body of its own.
func (s *SinkConfig) page(list []*Message) string {
	var data struct {
		HTML string `json:"html"`
	}
	if s.Body != "" || len(list) != 1 || json.Unmarshal(list[0].Data, &data) != nil {
		return ""
	}
	return data.HTML
}

// digest renders several messages as one.
func (s *SinkConfig) digest(ctx context.Context, exprs *expr.Set, list []*Message) (subject, body string, err error) {
	if len(list) == 1 {
		return s.texts(ctx, exprs, list[0])
	}
	byStatus := map[squall.Status]int{}
	var b strings.Builder
	for _, m := range list {
		byStatus[m.Status]++
		_, text, err := s.texts(ctx, exprs, m)
		if err != nil {
			return "", "", err
		}
		b.WriteString(strings.TrimRight(text, "\n") + "\n\n")
	}
	var counts []string
	for _, st := range squall.Statuses {
		if n := byStatus[st]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, st))
		}
	}
	return fmt.Sprintf("%d messages: %s", len(list), strings.Join(counts, ", ")), b.String(), nil
}

// oneLine keeps a subject from becoming more headers.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func newReader(text []byte) io.Reader { return bytes.NewReader(text) }

func compare(a, b string) int { return strings.Compare(a, b) }
