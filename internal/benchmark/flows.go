package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// flowPack writes a pack with the workflows that are measured and returns the
// directory to give to packs.dirs.
func (b *bench) flowPack() (string, error) {
	packs := filepath.Join(b.dir, "packs")
	pack := filepath.Join(packs, "bench")
	if err := os.MkdirAll(filepath.Join(pack, "actions", "workflows"), 0o700); err != nil {
		return "", err
	}
	files := map[string]string{
		"pack.yaml": "name: bench\nref: bench\ndescription: workflows that are measured\nversion: 1.0.0\nauthor: nobody\nemail: nobody@example.com\n",
	}
	for name, text := range map[string]string{
		"chain1": chainFlow(1), "chain10": chainFlow(10), "chain100": chainFlow(100), "chain1000": chainFlow(1000), "items": itemsFlow,
	} {
		files["actions/"+name+".yaml"] = "name: " + name + "\nrunner_type: orquesta\nenabled: true\nentry_point: workflows/" + name + ".yaml\n" +
			"parameters:\n  count:\n    type: integer\n  data:\n    type: string\n"
		files["actions/workflows/"+name+".yaml"] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(pack, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return packs, nil
}

// chainFlow is a workflow of n no-ops, one behind the other, each of which
// publishes something. Its input data is carried along.
func chainFlow(n int) string {
	var text strings.Builder
	text.WriteString("version: 1.0\ninput:\n  - count\n  - data\nvars:\n  - n: 0\ntasks:\n")
	for i := range n {
		fmt.Fprintf(&text, "  t%d:\n    action: core.noop\n    next:\n      - when: <%% succeeded() %%>\n        publish: n=<%% ctx(n) + 1 %%>\n", i)
		if i < n-1 {
			fmt.Fprintf(&text, "        do: t%d\n", i+1)
		}
	}
	text.WriteString("output:\n  - n: <% ctx(n) %>\n")
	return text.String()
}

const itemsFlow = `version: 1.0
input:
  - count
tasks:
  all:
    with:
      items: i in <% range(ctx(count)) %>
    action: core.noop
`

// flows: workflows of no-ops beside one synced commit of the bare driver.
func (b *bench) flows() error {
	packs, err := b.flowPack()
	if err != nil {
		return err
	}
	dir, err := b.fresh("flows")
	if err != nil {
		return err
	}
	s, _, err := startServer(b.binary, dir, "--set", "packs.dirs="+packs)
	if err != nil {
		return err
	}
	defer s.stop()
	commit, err := bareCommit(dir, 200)
	if err != nil {
		return err
	}

	perTask := map[int]time.Duration{}
	for _, n := range []int{100, 1000} {
		took, err := s.flow(3, fmt.Sprintf("chain%d", n), map[string]any{})
		if err != nil {
			return err
		}
		perTask[n] = took / time.Duration(n)
		b.row(fmt.Sprintf("chain of %d no-ops, per task", n), round(perTask[n]), round(commit)+" one commit",
			fmt.Sprintf("%.1f x", float64(perTask[n])/float64(commit)), "≤ 500µs", perTask[n] <= 500*time.Microsecond)
	}
	growth := float64(perTask[1000]) / float64(perTask[100])
	b.row("", "", "", fmt.Sprintf("%.2f x", growth), "1000 tasks ≤ 1.2 x of 100", growth <= 1.2)

	for _, c := range []struct {
		n   int
		aim time.Duration
	}{{250, 60 * time.Millisecond}, {1000, 250 * time.Millisecond}, {10000, 2500 * time.Millisecond}} {
		took, err := s.flow(3, "items", map[string]any{"count": c.n})
		if err != nil {
			return err
		}
		b.row(fmt.Sprintf("%d items", c.n), round(took), "-", round(took/time.Duration(c.n))+" each", "≤ "+c.aim.String(), took <= c.aim)
	}
	if err := b.carry(s); err != nil {
		return err
	}
	return b.crowd(s)
}

// carry: a value of 4 MB that 100 tasks have in their context, beside the same
// with one task. What is compared is what the value costs on top.
func (b *bench) carry(s *server) error {
	cost := func(name string) (time.Duration, error) {
		without, err := s.flow(5, name, map[string]any{})
		if err != nil {
			return 0, err
		}
		with, err := s.flow(5, name, map[string]any{"data": reportText(4 << 20)})
		return with - without, err
	}
	once, err := cost("chain1")
	if err != nil {
		return err
	}
	carried, err := cost("chain100")
	if err != nil {
		return err
	}
	ratio := float64(carried) / float64(once)
	b.row("4 MB in the context of 100 tasks", round(carried), round(once)+" of one task", fmt.Sprintf("%.1f x", ratio), "≤ 2 x", ratio <= 2)
	return nil
}

// crowd: many workflows at once.
func (b *bench) crowd(s *server) error {
	const workflows, clients, tasks = 1000, 40, 10
	began := time.Now()
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for range clients {
		wg.Go(func() {
			for range workflows / clients {
				if _, err := s.flow(1, "chain10", map[string]any{}); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	took := time.Since(began)
	b.row("1,000 workflows of 10 tasks, 40 at once", round(took), "-", perSecond(workflows*tasks/took.Seconds())+" tasks", "-", true)
	return nil
}

// flow runs a workflow n times and returns the median time from the request to
// its success.
func (s *server) flow(n int, name string, parameters map[string]any) (time.Duration, error) {
	body, err := json.Marshal(map[string]any{"action": "bench." + name, "parameters": parameters})
	if err != nil {
		return 0, err
	}
	c, err := s.connect(body, "Prefer: wait=120")
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	return median(n, func(int) error { return c.succeed() })
}
