package winrm

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"
)

// conn speaks WinRM with one machine.
type conn struct {
	url    string
	client *winrm.Client
	post   winrm.Transporter
	params *winrm.Parameters

	mu   sync.Mutex
	open map[net.Conn]bool
}

// operationTimeout is how long the machine may hold a request for output open.
const operationTimeout = 20 * time.Second

func newConn(p *params) (*conn, error) {
	c := &conn{url: fmt.Sprintf("%s://%s:%d/wsman", p.scheme, p.host, p.port), open: map[net.Conn]bool{}}
	switch p.transport {
	case "ntlm":
		c.post = winrm.NewClientNTLMWithDial(c.dial)
	case "basic", "plaintext", "ssl":
		c.post = winrm.NewClientWithDial(c.dial)
	default:
		return nil, fmt.Errorf("the transport %q is not supported: use ntlm or basic", p.transport)
	}
	c.params = winrm.NewParameters(fmt.Sprintf("PT%dS", int(operationTimeout.Seconds())), "en-US", 153600)
	c.params.TransportDecorator = func() winrm.Transporter { return c.post }
	endpoint := winrm.NewEndpoint(p.host, p.port, p.scheme == "https", !p.verify, nil, nil, nil, operationTimeout+10*time.Second)
	var err error
	if c.client, err = winrm.NewClientWithParameters(endpoint, p.username, p.password, c.params); err != nil {
		return nil, fmt.Errorf("prepare WinRM: %w", err)
	}
	return c, nil
}

func (c *conn) dial(network, address string) (net.Conn, error) {
	raw, err := net.DialTimeout(network, address, 15*time.Second)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[raw] = true
	return raw, nil
}

// drop ends all connections, and with them the requests under way: the library
// knows no context.
func (c *conn) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for raw := range c.open {
		raw.Close()
		delete(c.open, raw)
	}
}

// send makes one request. A fault in the answer is an error.
func (c *conn) send(ctx context.Context, m *soap.SoapMessage) (string, error) {
	defer m.Free()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	stop := context.AfterFunc(ctx, c.drop)
	answer, err := c.post.Post(c.client, m)
	if !stop() {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", explain(err)
	}
	return answer, faultOf(answer)
}

func explain(err error) error {
	text := strings.TrimPrefix(err.Error(), "unknown error ")
	if strings.Contains(text, "401") {
		return errors.New("the log-in was refused (401)")
	}
	return errors.New(text)
}

// fault is what the machine says when it does not do something.
type fault struct{ Code, Reason string }

// Error returns the machine's words.
func (f *fault) Error() string { return strings.TrimSpace(f.Reason) }

// nothingYet is the code of a request for output that came to its end without any.
const nothingYet = "2150858793"

func faultOf(answer string) error {
	var f struct {
		Body struct {
			Fault *struct {
				Reason struct{ Text string }
				Detail struct {
					WSManFault struct {
						Code string `xml:",attr"`
					}
				}
			}
		}
	}
	if err := xml.Unmarshal([]byte(answer), &f); err != nil {
		return fmt.Errorf("the answer is not understood: %w", err)
	}
	if f.Body.Fault == nil {
		return nil
	}
	return &fault{Code: f.Body.Fault.Detail.WSManFault.Code, Reason: f.Body.Fault.Reason.Text}
}

// openShell makes a shell with a directory and an environment.
func (c *conn) openShell(ctx context.Context, cwd string, env map[string]string) (id string, err error) {
	m := soap.NewMessage()
	m.Header().To(c.url).ReplyTo("http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous").
		MaxEnvelopeSize(c.params.EnvelopeSize).Id(messageID()).Locale(c.params.Locale).Timeout(c.params.Timeout).
		Action("http://schemas.xmlsoap.org/ws/2004/09/transfer/Create").
		ResourceURI("http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd").
		AddOption(soap.NewHeaderOption("WINRS_NOPROFILE", "FALSE")).
		AddOption(soap.NewHeaderOption("WINRS_CODEPAGE", "65001")).Build() // UTF-8
	body := m.CreateBodyElement("Shell", soap.DOM_NS_WIN_SHELL)
	m.CreateElement(body, "InputStreams", soap.DOM_NS_WIN_SHELL).SetContent("stdin")
	m.CreateElement(body, "OutputStreams", soap.DOM_NS_WIN_SHELL).SetContent("stdout stderr")
	if cwd != "" {
		m.CreateElement(body, "WorkingDirectory", soap.DOM_NS_WIN_SHELL).SetContent(escape(cwd))
	}
	if len(env) > 0 {
		list := m.CreateElement(body, "Environment", soap.DOM_NS_WIN_SHELL)
		for _, name := range slices.Sorted(maps.Keys(env)) {
			v := m.CreateElement(list, "Variable", soap.DOM_NS_WIN_SHELL)
			v.SetAttr("Name", escape(name))
			v.SetContent(escape(env[name]))
		}
	}
	answer, err := c.send(ctx, m)
	if err != nil {
		return "", fmt.Errorf("open a shell: %w", err)
	}
	if id, err = winrm.ParseOpenShellResponse(answer); err != nil {
		return "", fmt.Errorf("open a shell: %w", err)
	}
	return id, nil
}

// cdata lets text stand in a CDATA section, where the library puts command lines.
func cdata(text string) string { return strings.ReplaceAll(text, "]]>", "]]]]><![CDATA[>") }

// escape writes text for XML: the library does not.
func escape(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return b.String()
}

// run runs a command line in a new shell and passes its output on. When ctx ends,
// the command is ended on the machine.
func (c *conn) run(ctx context.Context, line, cwd string, env map[string]string, stdout, stderr func([]byte)) (code int, err error) {
	shell, err := c.openShell(ctx, cwd, env)
	if err != nil {
		return 0, err
	}
	// What follows also happens when the run's time is over.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
	defer cancel()
	defer func() { _, _ = c.send(clean, winrm.NewDeleteShellRequest(c.url, shell, c.params)) }()
	answer, err := c.send(ctx, winrm.NewExecuteCommandRequest(c.url, shell, cdata(line), nil, c.params))
	if err != nil {
		return 0, fmt.Errorf("run the command: %w", err)
	}
	command, err := winrm.ParseExecuteCommandResponse(answer)
	if err != nil {
		return 0, fmt.Errorf("run the command: %w", err)
	}
	defer func() { _, _ = c.send(clean, winrm.NewSignalRequest(c.url, shell, command, c.params)) }()
	for {
		answer, err := c.send(ctx, winrm.NewGetOutputRequest(c.url, shell, command, "stdout stderr", c.params))
		var f *fault
		if errors.As(err, &f) && f.Code == nothingYet {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read the output: %w", err)
		}
		done, code, err := winrm.ParseSlurpOutputErrResponse(answer, writer(stdout), writer(stderr))
		if err != nil {
			return 0, fmt.Errorf("read the output: %w", err)
		}
		if done {
			return code, nil
		}
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}
