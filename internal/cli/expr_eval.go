package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"squall/internal/expr"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// evaluate gives the value of a text in the chosen mode and language.
func (e *evaluator) evaluate(ctx context.Context, text string) (any, error) {
	b := e.set.Limits().Budget(ctx)
	switch e.f.mode {
	case modeCore:
		p, err := e.core.CompileExpr(text)
		if err != nil {
			return nil, err
		}
		return p.Eval(ctx, e.env, b)
	case modeRender:
		return e.set.RenderIn(ctx, text, e.env, b)
	}
	if e.f.lang == "auto" && e.set.HasExpr(text) {
		return e.set.EvalIn(ctx, text, e.env, b)
	}
	name := e.f.lang
	if name == "auto" {
		name = "yaql"
	}
	lang, ok := e.set.Language(name)
	if !ok {
		return nil, fmt.Errorf("no language %s", name)
	}
	compile := lang.CompileExpr
	if lang.Detects(text) {
		compile = lang.Compile
	}
	p, err := compile(text)
	if err != nil {
		return nil, err
	}
	return p.Eval(ctx, e.env, b)
}

// run evaluates one text and prints the value, or the error with its place.
func (e *evaluator) run(ctx context.Context, text string) error {
	v, err := e.evaluate(ctx, text)
	if err != nil {
		return &ExitError{Code: ExitFailed, Err: errors.New(explain(err))}
	}
	return e.print(e.app.io.Stdout, v)
}

// explain writes an error with the line it is in and a caret at the place.
func explain(err error) string {
	var e *expr.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Cause != "" && e.Cause != e.Class && !strings.Contains(e.Message, e.Cause) {
		fmt.Fprintf(&b, " (%s)", e.Cause)
	}
	if place := e.Place(); place.Line > 0 {
		fmt.Fprintf(&b, "\nat line %d", place.Line)
		if place.Column > 0 {
			fmt.Fprintf(&b, ", column %d", place.Column)
		}
	}
	if mark := e.Mark(); mark != "" {
		b.WriteString("\n  " + strings.ReplaceAll(mark, "\n", "\n  "))
	}
	return b.String()
}

// print writes a value: texts as they are, others as JSON where they have a
// JSON form and as Python shows them where not.
func (e *evaluator) print(w io.Writer, v any) error {
	if e.f.out.yaml {
		text, err := pyyaml.SafeDump(nil, v, pyyaml.DumpOptions{AllowUnicode: true})
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		return err
	}
	text, ok := v.(string)
	if !ok || e.f.out.json {
		var err error
		text, err = value.DumpJSON(nil, jsonForm(v, 0), value.JSONOptions{Indent: "    ", Pretty: true, KeepUnicode: true})
		if err != nil && e.f.out.json {
			return fmt.Errorf("write the value as JSON: %w", err)
		}
		if err != nil {
			if text, err = value.Repr(nil, v); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// maxShown is how deep values are looked into for printing.
const maxShown = 500

// jsonForm gives values that JSON does not know a form: sets become lists,
// dates and times texts.
func jsonForm(v any, depth int) any {
	if depth > maxShown { // may contain itself: the writer will say so
		return v
	}
	switch x := v.(type) {
	case *value.Set:
		return jsonForm(value.NewList(x.Items()...), depth)
	case *value.List:
		out := value.NewList()
		for _, item := range x.Items {
			out.Items = append(out.Items, jsonForm(item, depth+1))
		}
		return out
	case *value.Dict:
		out := value.NewDict(x.Len())
		for k, item := range x.All() {
			out.Set(k, jsonForm(item, depth+1))
		}
		return out
	case value.DateTime, value.Date, value.TimeSpan:
		if text, err := value.Str(nil, x); err == nil {
			return text
		}
	}
	return v
}

const sessionHelp = `A line is evaluated as an expression. Lines that start with a colon are commands:
  :vars            list the variables
  :set NAME VALUE  set a variable, the value in YAML
  :lang LANGUAGE   auto, yaql or jinja
  :mode MODE       orquesta, render or core
  :quit            end (or Ctrl-D)
`

// session evaluates line by line until the input ends.
func (e *evaluator) session(ctx context.Context) error {
	read, say, done, err := e.terminal()
	if err != nil {
		return err
	}
	defer done()
	fmt.Fprintf(say, "squall expr, mode %s, language %s; :help for help\n", e.f.mode, e.f.lang)
	for ctx.Err() == nil {
		line, err := read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a line: %w", err)
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case line == ":quit" || line == ":q":
			return nil
		case strings.HasPrefix(line, ":"):
			e.command(say, line)
		default:
			v, err := e.evaluate(ctx, line)
			if err == nil {
				err = e.print(say, v)
			}
			if err != nil {
				fmt.Fprintln(say, explain(err))
			}
		}
	}
	return ctx.Err()
}

// terminal gives line reading with editing and history at a terminal, and
// plain lines otherwise.
func (e *evaluator) terminal() (read func() (string, error), say io.Writer, done func(), err error) {
	if in, ok := e.app.io.Stdin.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		old, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return nil, nil, nil, fmt.Errorf("prepare the terminal: %w", err)
		}
		t := term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{in, e.app.io.Stdout}, "> ")
		return t.ReadLine, t, func() { _ = term.Restore(int(in.Fd()), old) }, nil
	}
	lines := bufio.NewScanner(e.app.io.Stdin)
	lines.Buffer(nil, maxExprInput)
	return func() (string, error) {
		if lines.Scan() {
			return lines.Text(), nil
		}
		if err := lines.Err(); err != nil {
			return "", err
		}
		return "", io.EOF
	}, e.app.io.Stdout, func() {}, nil
}

// command obeys a line that starts with a colon.
func (e *evaluator) command(w io.Writer, line string) {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case ":help", ":h":
		fmt.Fprint(w, sessionHelp)
	case ":vars":
		for k, v := range e.data.All() {
			text, err := value.Repr(nil, v)
			if err != nil {
				text = err.Error()
			}
			if r := []rune(text); len(r) > 100 {
				text = string(r[:100]) + "…"
			}
			fmt.Fprintf(w, "%v = %s\n", k, text)
		}
	case ":set":
		name, text, ok := strings.Cut(rest, " ")
		v, err := pyyaml.SafeLoad(nil, text)
		switch {
		case !ok || name == "":
			fmt.Fprintln(w, "want :set NAME VALUE")
		case err != nil:
			fmt.Fprintln(w, value.MessageOf(err))
		default:
			e.data.SetStr(name, v)
		}
	case ":lang":
		if rest == "auto" || rest == "yaql" || rest == "jinja" {
			e.f.lang = rest
			return
		}
		fmt.Fprintln(w, "there are auto, yaql and jinja")
	case ":mode":
		if rest == modeOrquesta || rest == modeRender || rest == modeCore {
			e.f.mode = rest
			return
		}
		fmt.Fprintln(w, "there are orquesta, render and core")
	default:
		fmt.Fprintf(w, "unknown command %s; :help for help\n", word)
	}
}
