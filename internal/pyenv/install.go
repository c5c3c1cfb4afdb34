package pyenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"squall/internal/squall"
)

// interpreter is the Python that environments are made from.
type interpreter struct {
	path    string // of the real one: version managers put scripts into PATH
	version string // "3.11.2"
}

// interpreter asks the configured Python who it is.
func (m *Maker) interpreter(ctx context.Context) (*interpreter, error) {
	found, err := exec.LookPath(m.Python)
	if err != nil {
		return nil, squall.Errorf(squall.Unavailable, "there is no Python on this machine (%s); install python3 or set python.path", m.Python)
	}
	out, err := exec.CommandContext(ctx, found, "-c", "import json, platform, sys; print(json.dumps([sys.executable, platform.python_version()]))").Output()
	var answer [2]string
	if err == nil {
		err = json.Unmarshal(out, &answer)
	}
	if err != nil {
		return nil, squall.Errorf(squall.Unavailable, "%s does not work: %w", found, err)
	}
	return &interpreter{path: answer[0], version: answer[1]}, nil
}

// make makes the environment env and installs requirements into it.
func (m *Maker) make(ctx context.Context, pack string, python *interpreter, env, requirements string, progress io.Writer) error {
	uv, err := m.useUV(ctx, python)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "making an environment for pack %s with Python %s\n", pack, python.version)
	create := []string{python.path, "-m", "venv", "--without-pip"}
	install := []string{
		python.path, "-m", "pip", "--python", filepath.Join(env, "bin", "python"), "install",
		"--no-input", "--disable-pip-version-check", "--progress-bar", "off",
	}
	if uv != "" {
		create = []string{uv, "venv", "--quiet", "--no-project", "--python", python.path}
		install = []string{uv, "pip", "install", "--python", filepath.Join(env, "bin", "python"), "--no-progress"}
	}
	if m.SitePackages {
		create = append(create, "--system-site-packages")
	}
	if out, err := run(ctx, io.Discard, append(create, env)...); err != nil {
		return squall.Errorf(squall.Unavailable, "the environment of pack %s cannot be made: %s", pack, said(out, err))
	}
	if m.Wheels != "" {
		install = append(install, "--find-links", m.Wheels)
	}
	switch m.Index {
	case "":
	case none:
		install = append(install, "--no-index")
	default:
		install = append(install, "--index-url", m.Index)
	}
	out, err := run(ctx, progress, append(install, "-r", requirements)...)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return squall.Errorf(squall.Invalid, "the requirements of pack %s cannot be met: %s", pack, said(out, err))
	}
	return nil
}

// useUV returns the path of uv, "" when pip shall do it. Where environments see
// the system's packages pip is better: it does not install them again.
func (m *Maker) useUV(ctx context.Context, python *interpreter) (string, error) {
	uv, uvErr := exec.LookPath("uv")
	if m.Installer == "uv" || m.Installer != "pip" && uvErr == nil && !m.SitePackages {
		if uvErr != nil {
			return "", squall.Errorf(squall.Unavailable, "python.installer is uv, but uv is not in PATH")
		}
		return uv, nil
	}
	if _, err := run(ctx, io.Discard, python.path, "-m", "pip", "--version"); err != nil {
		if uvErr == nil && m.Installer != "pip" {
			return uv, nil
		}
		return "", squall.Errorf(squall.Unavailable, "there is neither pip nor uv for %s; install one of them (Debian: python3-pip)", python.path)
	}
	return "", nil
}

// run runs a program, its output to progress line by line. It returns the end of
// the output. Git, which fetches some requirements, must not ask for passwords.
func run(ctx context.Context, progress io.Writer, argv ...string) ([]string, error) {
	out := &lines{to: progress}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "PYTHONUNBUFFERED=1", "NO_COLOR=1", "UV_LINK_MODE=copy")
	err := cmd.Run()
	if rest := strings.TrimSpace(out.part.String()); rest != "" {
		out.tail = append(out.tail, rest)
	}
	return out.tail, err
}

// said finds in what an installer printed the lines that tell a person what is
// wrong.
func said(out []string, err error) string {
	var words []string
	for _, line := range out {
		line = strings.TrimSpace(line)
		switch text, ok := strings.CutPrefix(line, "ERROR: "); {
		case ok:
			if strings.HasPrefix(text, "No matching distribution") && len(words) > 0 {
				continue // the line before says the same, and which versions there are
			}
			words = append(words, text)
		case strings.HasPrefix(line, "× "), strings.HasPrefix(line, "╰─▶ "): // uv
			words = append(words, strings.TrimLeft(line, "×╰─▶ "))
		case strings.HasPrefix(line, "error: "):
			words = append(words, strings.TrimPrefix(line, "error: "))
		case len(words) > 0 && strings.HasPrefix(line, "because"), len(words) > 0 && strings.HasPrefix(line, "conclude"):
			words = append(words, line)
		}
	}
	if len(words) == 0 && len(out) > 0 {
		words = out[max(0, len(out)-3):]
	}
	if len(words) == 0 {
		if errors.Is(err, exec.ErrNotFound) {
			return "the program is not installed"
		}
		return err.Error()
	}
	return strings.Join(words, "; ")
}
