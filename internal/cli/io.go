package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
	"golang.org/x/term"
)

// IO is the process around a command.
type IO struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Env    func(string) string // os.Getenv
	Home   string              // the user's configuration directory; empty: credentials are not kept

	// ReadPassword asks for a password without showing it; nil when there is no
	// terminal to ask at.
	ReadPassword func(prompt string) (string, error)

	// OpenBrowser shows an address to the user; nil when there is no browser here.
	OpenBrowser func(address string) error

	// Edit lets the user change a text in an editor; nil when there is none.
	Edit func(text string) (string, error)
}

// ProcessIO is the IO of this process.
func ProcessIO(env func(string) string) *IO {
	home, _ := os.UserConfigDir() // without a home there is nothing to keep
	p := &IO{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Env: env, Home: home}
	if env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != "" {
		if path, err := exec.LookPath("xdg-open"); err == nil {
			p.OpenBrowser = func(address string) error { return exec.Command(path, address).Start() } //nolint:gosec // our own server's address
		}
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		p.Edit = editor(env)
		p.ReadPassword = func(prompt string) (string, error) {
			if _, err := io.WriteString(os.Stderr, prompt); err != nil {
				return "", err
			}
			b, err := readPassword(int(os.Stdin.Fd()))
			_, _ = io.WriteString(os.Stderr, "\n")
			return string(b), err
		}
	}
	return p
}

// readPassword reads a line without showing it. Ctrl-C ends it: reading itself
// cannot be interrupted, and would leave a terminal that shows nothing.
func readPassword(terminal int) ([]byte, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer signal.Stop(interrupted)
	type answer struct {
		text []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(terminal)
		read <- answer{text, err}
	}()
	select {
	case a := <-read:
		return a.text, a.err
	case <-interrupted:
		return nil, errors.Join(context.Canceled, term.Restore(terminal, before))
	}
}

// width and height return the terminal's columns and lines, 0 when standard
// output is no terminal.
func (p *IO) width() int {
	w, _ := p.size()
	return w
}

func (p *IO) height() int {
	_, h := p.size()
	return h
}

func (p *IO) size() (width, height int) {
	f, ok := p.Stdout.(*os.File)
	if !ok {
		return 0, 0
	}
	w, h, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return w, h
}

// widthAnywhere is the width of the terminal that any of the standard files is, 0
// for none: a pager may stand behind standard output.
func (p *IO) widthAnywhere() int {
	for _, f := range []any{p.Stdin, p.Stdout, p.Stderr} {
		if f, ok := f.(*os.File); ok {
			if w, _, err := term.GetSize(int(f.Fd())); err == nil {
				return w
			}
		}
	}
	return 0
}

// editor makes the function that opens a text in the user's editor.
func editor(env func(string) string) func(string) (string, error) {
	return func(text string) (string, error) {
		f, err := os.CreateTemp("", "squall-*.yaml") // only the user can read it
		if err != nil {
			return "", err
		}
		defer os.Remove(f.Name()) //nolint:errcheck // below the system's temporary directory
		if _, err := f.WriteString(text); err != nil {
			return "", err
		}
		if err := f.Close(); err != nil {
			return "", err
		}
		program := cmp.Or(env("VISUAL"), env("EDITOR"), "vi")
		// The shell splits the arguments that may stand behind the program's name.
		cmd := exec.Command("sh", "-c", program+` "$1"`, "sh", f.Name()) //nolint:gosec // the user's own editor
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("edit with %s: %w", program, err)
		}
		changed, err := os.ReadFile(f.Name())
		return string(changed), err
	}
}

func (p *IO) isTerminal() bool { return p.width() > 0 }

// renderer colours for standard output: not into files and pipes, and not when
// NO_COLOR is set (no-color.org).
func (p *IO) renderer() *lipgloss.Renderer {
	r := lipgloss.NewRenderer(p.Stdout)
	if p.Env("NO_COLOR") != "" || !p.isTerminal() {
		r.SetColorProfile(termenv.Ascii)
	}
	return r
}
