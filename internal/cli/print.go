package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"squall/internal/squall"
	"squall/internal/st2cli"
)

// format is what -j and -y choose.
type format struct{ json, yaml bool }

// addTo defines the flags.
func (f *format) addTo(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.json, "json", "j", false, "print JSON")
	cmd.Flags().BoolVarP(&f.yaml, "yaml", "y", false, "print YAML")
	cmd.MarkFlagsMutuallyExclusive("json", "yaml")
}

// machine reports whether a program reads the output.
func (f format) machine() bool { return f.json || f.yaml }

// print writes v for a program. Field order and numbers stay as the server sent
// them: YAML is made from the JSON text.
func (f format) print(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		return err
	}
	if f.json {
		_, err = fmt.Fprintf(w, "%s\n", text)
		return err
	}
	return printYAML(w, text)
}

// printYAML writes a JSON document as YAML in block style.
func printYAML(w io.Writer, jsonText []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(jsonText, &doc); err != nil { // JSON is YAML
		return err
	}
	blockStyle(&doc)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return err
	}
	return enc.Close()
}

func blockStyle(n *yaml.Node) {
	switch {
	case n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "\n"):
		n.Style = yaml.LiteralStyle
	case n.Kind == yaml.ScalarNode && n.Tag == "!!str":
		n.Style = 0 // quoted only where it would read as something else
	case len(n.Content) > 0:
		n.Style = 0
	}
	for _, c := range n.Content {
		blockStyle(c)
	}
}

// styles are the colours of a command's output.
type styles struct {
	head, dim, key lipgloss.Style
	status         map[squall.Status]lipgloss.Style
}

func newStyles(r *lipgloss.Renderer) styles {
	color := func(c string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(c)) }
	green, red, yellow, blue := color("2"), color("1"), color("3"), color("4")
	return styles{
		head: r.NewStyle().Bold(true),
		dim:  r.NewStyle().Faint(true),
		key:  blue,
		status: map[squall.Status]lipgloss.Style{
			squall.Succeeded: green,
			squall.Failed:    red, squall.Timeout: red, squall.Abandoned: red,
			squall.Canceled: yellow, squall.Canceling: yellow, squall.Paused: yellow, squall.Pausing: yellow, squall.Pending: yellow,
			squall.Running: blue, squall.Resuming: blue, squall.Requested: blue, squall.Delayed: blue, squall.Scheduled: blue,
		},
	}
}

func (s styles) ofStatus(st squall.Status) string { return s.status[st].Render(string(st)) }

// table prints rows under heads; at a terminal what is too wide is cut, see
// st2cli.Widths.
func (p *IO) table(st styles, heads []string, rows [][]string) error {
	widths := st2cli.Widths(append([][]string{heads}, rows...), p.width())
	var b strings.Builder
	b.WriteString(st2cli.Line(heads, widths, func(s string) string { return st.head.Render(s) }) + "\n")
	for _, row := range rows {
		b.WriteString(st2cli.Line(row, widths, nil) + "\n")
	}
	if len(rows) == 0 && p.isTerminal() {
		b.WriteString(st.dim.Render("(none)") + "\n") // people wonder, programs do not
	}
	_, err := io.WriteString(p.Stdout, b.String())
	return err
}

// oneLine makes a text fit for a table cell.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return ansi.Strip(s)
}

// ago says how long before now an instant lies, short enough for a column.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return short(max(time.Second, now.Sub(t)).Truncate(time.Second)) + " ago"
}

// short prints a duration with the precision people want: 35ms, 1.35s, 12s, 3m12s, 5h07m, 3d4h.
func short(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// indented writes two spaces in front of every line, however the text comes.
type indented struct {
	w      io.Writer
	inLine bool
}

func (i *indented) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		if !i.inLine {
			line = "  " + line
		}
		i.inLine = !strings.HasSuffix(line, "\n")
		if _, err := io.WriteString(i.w, line); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}
