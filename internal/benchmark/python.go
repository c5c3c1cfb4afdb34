package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// interpreter is the Python that is measured, not a version manager's script.
func interpreter() (string, error) {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return "", fmt.Errorf("python3: %w", err)
	}
	return string(out[:len(out)-1]), nil
}

// pythonPack writes a pack with an action that imports what most do.
func pythonPack(dir string) error {
	for name, text := range map[string]string{
		"pack.yaml":         "name: benched\nversion: 1.0.0\n",
		"actions/act.yaml":  "name: act\nrunner_type: python-script\nentry_point: act.py\n",
		"actions/act.py":    "import json\nimport yaml\nimport requests\nfrom st2common.runners.base_action import Action\n\n\nclass Act(Action):\n    def run(self):\n        return {\"a\": 1}\n",
		"actions/bare.yaml": "name: bare\nrunner_type: python-script\nentry_point: bare.py\n",
		"actions/bare.py":   "from st2common.runners.base_action import Action\n\n\nclass Act(Action):\n    def run(self):\n        return {\"a\": 1}\n",
	} {
		path := filepath.Join(dir, "benched", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// python: a Python action, request to succeeded and stored, against a bare start
// of Python and one with the same imports; then both at full load.
func (b *bench) python() error {
	python, err := interpreter()
	if err != nil {
		return err
	}
	imports, action := "import json, yaml, requests", "act"
	if exec.Command(python, "-c", imports).Run() != nil {
		imports, action = "import json", "bare" // not installed; the row says what was compared
	}
	dir, err := b.fresh("python")
	if err != nil {
		return err
	}
	packs := filepath.Join(dir, "content")
	if err := pythonPack(packs); err != nil {
		return err
	}
	s, _, err := startServer(b.binary, dir, "--set", "packs.dirs="+packs, "--set", "python.path="+python)
	if err != nil {
		return err
	}
	defer s.stop()
	body := fmt.Appendf(nil, `{"action":"benched.%s","parameters":{}}`, action)
	client, err := s.connect(body, "Prefer: wait=30")
	if err != nil {
		return err
	}
	defer client.conn.Close()
	one := func(int) error { return client.succeed() }
	if _, err := median(20, one); err != nil { // starts the fork server
		return err
	}
	for _, limit := range []struct {
		name, code, aim string
		n               int
	}{{"python3 -c pass", "pass", "≤ 10ms p50", 20}, {"python3 -c " + imports, imports, "-", 4}} {
		var ours, bare []time.Duration
		for range 5 { // in turns: a busy moment meets both
			d, err := median(limit.n, one)
			if err != nil {
				return err
			}
			ours = append(ours, d)
			if d, err = median(limit.n, func(int) error { return exec.Command(python, "-c", limit.code).Run() }); err != nil {
				return err
			}
			bare = append(bare, d)
		}
		us, them := middle(ours), middle(bare)
		b.row("one Python action, stored, p50", round(us), round(them)+" "+limit.name, fmt.Sprintf("%.2f", float64(us)/float64(them)), limit.aim, limit.aim == "-" || us <= 10*time.Millisecond)
	}
	const clients = 4
	free := make(chan *lean, clients)
	free <- client
	for range clients - 1 {
		c, err := s.connect(body, "Prefer: wait=30")
		if err != nil {
			return err
		}
		defer c.conn.Close()
		free <- c
	}
	ours, bare, ratio, err := b.rounds(
		func(d time.Duration) (float64, error) {
			return rate(clients, d, func(context.Context) error {
				c := <-free
				defer func() { free <- c }()
				return c.succeed()
			})
		},
		func(d time.Duration) (float64, error) { return bareForkExec(2, d, python, "-c", "pass") })
	if err != nil {
		return err
	}
	b.row("Python actions, stored", perSecond(ours), perSecond(bare)+" python3 -c pass", fmt.Sprintf("%.2f", ratio), "-", true)
	return nil
}
