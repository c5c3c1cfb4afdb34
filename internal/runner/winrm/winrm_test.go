package winrm

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"squall/internal/runner"
	"squall/internal/squall"
)

// envelope is what the fake reads of a message.
type envelope struct {
	Header struct {
		To, Action, MessageID, ResourceURI, OperationTimeout string
		ReplyTo                                              struct{ Address string }
		MaxEnvelopeSize                                      int
		SelectorSet                                          struct {
			Selector struct {
				Name  string `xml:",attr"`
				Value string `xml:",chardata"`
			}
		}
		OptionSet struct {
			Option []struct {
				Name  string `xml:",attr"`
				Value string `xml:",chardata"`
			}
		}
	}
	Body struct {
		Shell struct {
			InputStreams, OutputStreams, WorkingDirectory string
			Environment                                   struct {
				Variable []struct {
					Name  string `xml:",attr"`
					Value string `xml:",chardata"`
				}
			}
		}
		CommandLine struct {
			Command string
		}
		Receive struct {
			DesiredStream struct {
				CommandID string `xml:"CommandId,attr"`
				Streams   string `xml:",chardata"`
			}
		}
		Signal struct {
			CommandID string `xml:"CommandId,attr"`
			Code      string
		}
	}
}

// windows is a fake machine that speaks WinRM and checks every message.
type windows struct {
	t        *testing.T
	url      string
	commands func(line string) (stdout, stderr string, code int)

	mu      sync.Mutex
	shells  map[string]*envelope
	lines   map[string]string // command → line
	polls   map[string]int
	ran     []string
	signals int
}

func start(t *testing.T, commands func(string) (string, string, int)) *windows {
	w := &windows{t: t, commands: commands, shells: map[string]*envelope{}, lines: map[string]string{}, polls: map[string]int{}}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

const transfer, shell = "http://schemas.xmlsoap.org/ws/2004/09/transfer/", "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/"

func (w *windows) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	user, password, ok := r.BasicAuth()
	if !ok || user != "admin" || password != "geheim" {
		out.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var e envelope
	if err := xml.Unmarshal(body, &e); err != nil {
		w.t.Errorf("no SOAP: %v\n%s", err, body)
	}
	h := e.Header
	if r.URL.Path != "/wsman" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/soap+xml") || !strings.HasSuffix(h.To, "/wsman") ||
		!regexp.MustCompile(`^uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(h.MessageID) ||
		h.ReplyTo.Address != "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous" || h.MaxEnvelopeSize < 8192 ||
		h.ResourceURI != "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd" || !strings.HasPrefix(h.OperationTimeout, "PT") {
		w.t.Errorf("a header is wrong: %s %+v", r.URL, h)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id := h.SelectorSet.Selector.Value
	if h.Action != transfer+"Create" && (h.SelectorSet.Selector.Name != "ShellId" || w.shells[id] == nil) {
		w.t.Errorf("%s: there is no shell %q", h.Action, id)
	}
	out.Header().Set("Content-Type", "application/soap+xml;charset=UTF-8")
	answer := func(format string, args ...any) {
		fmt.Fprintf(out, `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:rsp="%s" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"><s:Header/><s:Body>`+format+`</s:Body></s:Envelope>`,
			append([]any{strings.TrimSuffix(shell, "/")}, args...)...)
	}
	refuse := func(code, text string) {
		out.WriteHeader(http.StatusInternalServerError)
		answer(`<s:Fault><s:Code/><s:Reason><s:Text>%s</s:Text></s:Reason><s:Detail><f:WSManFault Code="%s"/></s:Detail></s:Fault>`, text, code)
	}
	switch h.Action {
	case transfer + "Create":
		codepage := false
		for _, o := range h.OptionSet.Option {
			codepage = codepage || o.Name == "WINRS_CODEPAGE" && o.Value == "65001"
		}
		if !codepage || e.Body.Shell.OutputStreams != "stdout stderr" {
			w.t.Errorf("the shell is wrong: %+v", e)
		}
		if e.Body.Shell.WorkingDirectory == `C:\nowhere` {
			refuse("2147942667", "The directory name is invalid.")
			return
		}
		id := fmt.Sprintf("SHELL-%d", len(w.shells)+1)
		w.shells[id] = &e
		answer(`<x:ResourceCreated xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"><a:ReferenceParameters><w:SelectorSet><w:Selector Name="ShellId">%[2]s</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated><rsp:Shell><rsp:ShellId>%[2]s</rsp:ShellId></rsp:Shell>`, id)
	case shell + "Command":
		id := fmt.Sprintf("COMMAND-%d", len(w.lines)+1)
		line := e.Body.CommandLine.Command
		w.lines[id] = line
		w.ran = append(w.ran, line)
		answer(`<rsp:CommandResponse><rsp:CommandId>%s</rsp:CommandId></rsp:CommandResponse>`, id)
	case shell + "Receive":
		id := e.Body.Receive.DesiredStream.CommandID
		line, ok := w.lines[id]
		if !ok || e.Body.Receive.DesiredStream.Streams != "stdout stderr" {
			w.t.Errorf("output of %q is asked for: %+v", id, e.Body.Receive)
		}
		w.polls[id]++
		if strings.Contains(line, "forever") || w.polls[id] == 1 {
			w.mu.Unlock()
			time.Sleep(20 * time.Millisecond)
			w.mu.Lock()
			refuse(nothingYet, "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.")
			return
		}
		stdout, stderr, code := w.commands(line)
		part := func(name, text string) string {
			return `<rsp:Stream Name="` + name + `" CommandId="` + id + `">` + base64.StdEncoding.EncodeToString([]byte(text)) + `</rsp:Stream>`
		}
		answer(`<rsp:ReceiveResponse>%s%s<rsp:CommandState CommandId="%s" State="%sCommandState/Done"><rsp:ExitCode>%d</rsp:ExitCode></rsp:CommandState></rsp:ReceiveResponse>`,
			part("stdout", stdout), part("stderr", stderr), id, shell, code)
	case shell + "Signal":
		if !strings.HasSuffix(e.Body.Signal.Code, "/signal/terminate") || w.lines[e.Body.Signal.CommandID] == "" {
			w.t.Errorf("the signal is wrong: %+v", e.Body.Signal)
		}
		w.signals++
		answer(`<rsp:SignalResponse/>`)
	case transfer + "Delete":
		w.shells[id].Header.MessageID = "closed"
		answer(``)
	default:
		w.t.Errorf("unknown action %q", h.Action)
		refuse("1", "unknown")
	}
}

// clean checks that every shell was closed and every command ended.
func (w *windows) clean() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, e := range w.shells {
		if e.Header.MessageID != "closed" {
			w.t.Errorf("the shell %s is left open", id)
		}
	}
	if w.signals != len(w.lines) {
		w.t.Errorf("%d commands, %d were ended", len(w.lines), w.signals)
	}
}

func (w *windows) job(more map[string]any) *runner.Job {
	u, _ := url.Parse(w.url)
	given := map[string]any{
		"host": u.Hostname(), "port": json.Number(u.Port()), "scheme": "http", "transport": "basic", "username": "admin", "password": "geheim",
		"timeout": json.Number("20"), "kwarg_op": "-", "verify_ssl_cert": true,
	}
	maps.Copy(given, more)
	return &runner.Job{Execution: &squall.Execution{ID: "68c0ffee0000000000000001"}, Action: &squall.Action{}, RunnerParams: given, Log: slog.New(slog.DiscardHandler)}
}

// script decodes the PowerShell of a command line.
func script(t *testing.T, line string) string {
	t.Helper()
	encoded, ok := strings.CutPrefix(strings.Trim(line, `"`), "powershell -encodedcommand ")
	b, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(b)%2 != 0 {
		t.Fatalf("no PowerShell: %.80q %v", line, err)
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

func TestCommand(t *testing.T) {
	w := start(t, func(line string) (string, string, int) {
		if strings.Contains(line, "ipconfig") {
			return `{"ip": "10.0.0.1 <&>"}`, "", 0
		}
		return "out\r\n", "bad\r\n", 3
	})
	for _, c := range []struct {
		cmd    string
		status squall.Status
		want   string
	}{
		{`ipconfig /all & echo "<x>]]>"`, squall.Succeeded, `{"failed":false,"succeeded":true,"return_code":0,"stdout":{"ip":"10.0.0.1 <&>"},"stderr":""}`},
		{"fail", squall.Failed, `{"failed":true,"succeeded":false,"return_code":3,"stdout":"out\r\n","stderr":"bad\r\n"}`},
	} {
		o, err := NewCmd(0).Run(t.Context(), w.job(map[string]any{"cmd": c.cmd, "cwd": `C:\R&D`, "env": map[string]any{"A": "<1>", "B": "2"}}), runner.Discard)
		if err != nil || o.Status != c.status || string(o.Result) != c.want {
			t.Errorf("%s: %s %s %v", c.cmd, o.Status, o.Result, err)
		}
	}
	if w.ran[0] != `ipconfig /all & echo "<x>]]>"` {
		t.Errorf("the machine was told %q", w.ran[0])
	}
	for _, e := range w.shells {
		if e.Body.Shell.WorkingDirectory != `C:\R&D` || fmt.Sprint(e.Body.Shell.Environment.Variable) != "[{A <1>} {B 2}]" {
			t.Errorf("the shell is %+v", e.Body.Shell)
		}
	}
	w.clean()
}

func TestWhatGoesWrong(t *testing.T) {
	w := start(t, func(string) (string, string, int) { return "", "", 0 })
	for name, c := range map[string]struct {
		more map[string]any
		want string
	}{
		"password":  {map[string]any{"password": "x"}, "log-in was refused"},
		"directory": {map[string]any{"cwd": `C:\nowhere`}, "The directory name is invalid."},
		"transport": {map[string]any{"transport": "kerberos"}, "not supported"},
		"scheme":    {map[string]any{"scheme": "ftp"}, "http or https"},
		"nobody":    {map[string]any{"port": json.Number("1")}, "refused"},
		"env":       {map[string]any{"env": map[string]any{"A": json.Number("1")}}, "must be a string"},
	} {
		o, err := NewCmd(0).Run(t.Context(), w.job(c.more), runner.Discard)
		if err != nil || o.Status != squall.Failed || !strings.Contains(string(o.Result), c.want) || strings.Contains(string(o.Result), "geheim") {
			t.Errorf("%s: %s %s %v", name, o.Status, o.Result, err)
		}
	}
}

func TestTimeoutAndCancel(t *testing.T) {
	w := start(t, nil)
	o, err := NewCmd(0).Run(t.Context(), w.job(map[string]any{"cmd": "forever", "timeout": json.Number("1")}), runner.Discard)
	if err != nil || o.Status != squall.Timeout || !strings.Contains(string(o.Result), `"return_code":-1`) {
		t.Errorf("%s %s %v", o.Status, o.Result, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(200*time.Millisecond, func() { cancel(runner.ErrCanceled) })
	if o, err := NewCmd(0).Run(ctx, w.job(map[string]any{"cmd": "forever"}), runner.Discard); err != nil || o.Status != squall.Canceled {
		t.Errorf("%s %s %v", o.Status, o.Result, err)
	}
	w.clean()
}

func TestPowerShell(t *testing.T) {
	var got string
	w := start(t, nil)
	w.commands = func(line string) (string, string, int) {
		got = script(t, line)
		return "", "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\"><S S=\"Error\">It is_x000D__x000A_</S><S S=\"Error\">broken_x000D__x000A_</S></Objs>", 1
	}
	o, err := NewPSCmd(0).Run(t.Context(), w.job(map[string]any{"cmd": "Get-Ding 'ä'"}), runner.Discard)
	if err != nil || o.Status != squall.Failed || got != "Get-Ding 'ä'" || !strings.Contains(string(o.Result), `"stderr":"It is\nbroken"`) {
		t.Errorf("%q: %s %s %v", got, o.Status, o.Result, err)
	}
	w.clean()
}

func TestScript(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "actions"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"short": 10, "long": 9000} {
		t.Run(name, func(t *testing.T) {
			text := "# " + strings.Repeat("x", size) + "\nWrite-Host $args"
			if err := os.WriteFile(filepath.Join(dir, "actions", "a.ps1"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			uploaded, removed := []byte{}, false
			var ran string
			w := start(t, nil)
			piece := regexp.MustCompile(`FromBase64String\("([^"]*)"\)`)
			w.commands = func(line string) (string, string, int) {
				if len(line) > longestLine+2 {
					t.Errorf("a command line of %d characters", len(line))
				}
				switch s := script(t, line); {
				case strings.Contains(s, "New-Item"):
					return "C:\\Temp\\abc\r\n", "", 0
				case strings.Contains(s, "Remove-Item"):
					removed = strings.Contains(s, `"C:\Temp\abc"`)
				case piece.MatchString(s):
					b, err := base64.StdEncoding.DecodeString(piece.FindStringSubmatch(s)[1])
					if err != nil {
						t.Error(err)
					}
					uploaded = append(uploaded, b...)
				default:
					ran = s
					return "done", "", 0
				}
				return "", "", 0
			}
			j := w.job(nil)
			j.PackDir = dir
			at := 0
			j.Action = &squall.Action{EntryPoint: "a.ps1", Parameters: squall.Schema{
				{Name: "First", Position: &at}, {Name: "Names"}, {Name: "On"}, {Name: "Map"},
			}}
			j.ActionParams = map[string]any{"First": `a "b" $c`, "Names": []any{"x", json.Number("2")}, "On": true, "Map": map[string]any{"k": nil}}
			o, err := NewPSScript(0).Run(t.Context(), j, runner.Discard)
			if err != nil || o.Status != squall.Succeeded || !strings.Contains(string(o.Result), `"stdout":"done"`) {
				t.Fatalf("%s %s %v", o.Status, o.Result, err)
			}
			args := "-Names @(\"x\", 2) -On $true -Map @{\"k\" = $null} \"a `\"b`\" `$c\""
			want := "& {" + text + "} " + args
			if name == "long" {
				want = `& "C:\Temp\abc\script.ps1" ` + args
				if string(uploaded) != text || !removed {
					t.Errorf("%d of %d bytes were uploaded, removed: %t", len(uploaded), len(text), removed)
				}
			}
			if ran != want {
				t.Errorf("ran %s\nwant %s", strconv.Quote(ran), strconv.Quote(want))
			}
			w.clean()
		})
	}
}
