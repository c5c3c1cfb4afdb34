package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"squall/internal/client"
)

// show is what people come for.
func (w *world) show(ctx context.Context) error {
	began := time.Now()
	fmt.Print("\nThe computing centre, all of it on this machine:\n")
	for _, h := range w.hosts {
		what := "keeps the copies"
		if h.machines != nil {
			var names []string
			for _, m := range h.machines {
				names = append(names, fmt.Sprintf("%s (%d MiB)", m.name, m.mib))
			}
			what = "runs " + strings.Join(names, ", ")
		}
		fmt.Printf("  %-4s sshd at %s, %s\n", h.name, h.address, what)
	}
	for _, act := range []func(context.Context) error{w.backUp, w.damage, w.restore, w.again} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	say("That was the show: %s, %d mails, everything as it should be.", time.Since(began).Round(time.Second), w.mail.came)
	return nil
}

// backUp configures the pack and fires its nightly trigger.
func (w *world) backUp(ctx context.Context) error {
	say("1. The night begins: all machines are copied, verified and compressed")
	fmt.Println("  Two rules are switched on: what runs at night, and what cleans up after a run that broke off.")
	if _, err := w.api.Do(ctx, http.MethodPut, "/api/v1/configs/backup", nil, w.configuration()); err != nil {
		return fmt.Errorf("configure the pack: %w", err)
	}
	for _, rule := range []string{"backup.nightly", "backup.cleanup_after"} {
		if err := w.do(ctx, "rule", "enable", rule); err != nil {
			return err
		}
	}
	if err := w.fireNightly(ctx); err != nil {
		return err
	}
	return w.mailCame(ctx, "succeeded")
}

// fireNightly makes the event that the clock would make at half past one, and
// watches what follows.
func (w *world) fireNightly(ctx context.Context) error {
	var rule struct {
		Trigger struct {
			Ref string `json:"ref"`
		} `json:"trigger"`
	}
	if err := w.get(ctx, "/api/v1/rules/backup.nightly", nil, &rule); err != nil {
		return err
	}
	before, err := w.newest(ctx, "backup.run")
	if err != nil {
		return err
	}
	event := map[string]any{"trigger": rule.Trigger.Ref, "payload": map[string]any{"schedule": map[string]any{"key": "backup.nightly"}}}
	if _, err := w.api.Do(ctx, http.MethodPost, "/api/v1/webhooks/st2", nil, event); err != nil {
		return fmt.Errorf("fire the trigger: %w", err)
	}
	fmt.Println("$ curl ... /api/v1/webhooks/st2   # the event that the clock makes at 01:30, now")
	var id string
	if err := until(ctx, time.Minute, func() (bool, error) {
		id, err = w.newest(ctx, "backup.run")
		return id != before, err
	}); err != nil {
		return fmt.Errorf("wait for the run: %w", err)
	}
	return w.watch(ctx, id, true)
}

// damage overwrites a part of a copy, and lets the verification find it.
func (w *world) damage(ctx context.Context) error {
	say("2. A disk of the nas decays: some bytes in the copy of wiki are overwritten")
	files, err := filepath.Glob(w.path("hosts", "nas", "wiki@hv2", "*", "*.qcow2*"))
	if err != nil || len(files) == 0 {
		return errors.Join(errors.New("there is no copy of wiki"), err)
	}
	newest := slices.Max(files)
	if err := overwrite(newest); err != nil {
		return err
	}
	fmt.Printf("  in the middle of %s\n", strings.TrimPrefix(newest, w.dir+"/"))
	id, err := w.begin(ctx, "backup.verify", "every=true")
	if err != nil {
		return err
	}
	if err := w.watch(ctx, id, false); err != nil {
		return err
	}
	if bad, err := filepath.Glob(w.path("hosts", "nas", "wiki@hv2", "*.bad")); err != nil || len(bad) == 0 {
		return errors.Join(errors.New("the damaged copy was not set aside"), err)
	}
	fmt.Println("  It ends as failed, as it should: one copy is bad. That one is set aside, and this mail tells:")
	return w.mailCame(ctx, "wiki@hv2")
}

// overwrite changes 64 bytes in the middle of a file.
func overwrite(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.WriteAt(bytes.Repeat([]byte{0x5a}, 64), size/2)
	}
	return errors.Join(err, f.Close())
}

// restore restores a machine on another host and compares its bytes.
func (w *world) restore(ctx context.Context) error {
	say("3. hv1 is lost: its machine db comes back on hv3")
	to := w.path("hosts", "restored")
	if err := errors.Join(os.RemoveAll(to), os.MkdirAll(to, 0o755)); err != nil { // of an earlier show in this directory
		return err
	}
	id, err := w.begin(ctx, "backup.restore", "source=db@hv1", "host=hv3", "to="+to, "format=raw")
	if err != nil {
		return err
	}
	if err := w.watch(ctx, id, true); err != nil {
		return err
	}
	restored, err := filepath.Glob(filepath.Join(to, "db*"))
	if err != nil || len(restored) != 1 {
		return errors.Join(fmt.Errorf("%d restored disks in %s", len(restored), to), err)
	}
	original := w.path("scratch", "db.raw")
	if err := tool("qemu-img", "convert", "-O", "raw", w.image("hv1", "db"), original); err != nil {
		return err
	}
	a, err := digest(original)
	if err != nil {
		return err
	}
	b, err := digest(restored[0])
	if err != nil {
		return err
	}
	fmt.Printf("  the disk of db  sha256 %s\n  restored        sha256 %s\n", a, b)
	if a != b {
		return errors.New("the restored disk is another one")
	}
	fmt.Println("  Every byte is the same.")
	return w.mailCame(ctx, "db@hv1")
}

func digest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it is only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// again is the next night: increments, and a full copy where one was damaged.
func (w *world) again(ctx context.Context) error {
	say("4. The next night: web has written 3 MiB, wiki needs a full copy")
	if err := fillImage(w.image("hv1", "web"), 40, 43); err != nil {
		return err
	}
	if err := w.fireNightly(ctx); err != nil {
		return err
	}
	return w.mailCame(ctx, "succeeded")
}

// begin asks for a run, as a person would.
func (w *world) begin(ctx context.Context, action string, parameters ...string) (id string, err error) {
	args := append([]string{"run", action}, parameters...)
	fmt.Printf("$ squall %s\n", strings.Join(args, " "))
	cmd := w.command(ctx, append(args, "--async", "--quiet")...)
	cmd.Stdout = nil
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("squall %s: %w", strings.Join(args, " "), err)
	}
	id, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	return id, nil
}

// watch shows an execution until it ends. At a terminal it is a tree that
// changes; elsewhere a line for every task that begins or ends.
func (w *world) watch(ctx context.Context, id string, wellDone bool) error {
	fmt.Printf("$ squall execution tree %s --follow\n", id)
	cmd := w.command(ctx, "execution", "tree", id, "--follow")
	if !term.IsTerminal(int(os.Stdout.Fd())) {
		cmd = w.command(ctx, "execution", "tree", id) // a line for each step would be too much
		if err := until(ctx, 3*time.Minute, func() (bool, error) {
			ex, err := w.api.Execution(ctx, id)
			return err == nil && ex.Status.Final(), err
		}); err != nil {
			return err
		}
	}
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		return err
	}
	ex, err := w.api.Execution(ctx, id)
	if err != nil {
		return err
	}
	if done := ex.Status == "succeeded"; done != wellDone {
		_ = w.do(ctx, "execution", "get", id)
		return fmt.Errorf("%s ended %s", ex.ActionRef(), ex.Status)
	}
	return nil
}

// mailCame shows the mail that tells of what was done; it must hold the words.
func (w *world) mailCame(ctx context.Context, words ...string) error {
	l, err := w.mail.next(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n  ┌ From: %s\n  │ To: %s\n  │ Subject: %s\n  │\n", l.from, l.to, l.subject)
	for line := range strings.SplitSeq(strings.TrimSpace(l.text), "\n") {
		fmt.Printf("  │ %s\n", line)
	}
	fmt.Println("  └")
	for _, word := range words {
		if !strings.Contains(l.subject+"\n"+l.text, word) {
			return fmt.Errorf("the mail does not say %q", word)
		}
	}
	return nil
}

// newest is the id of the newest execution of an action that no workflow asked for.
func (w *world) newest(ctx context.Context, action string) (string, error) {
	list, err := w.api.Executions(ctx, client.ExecutionQuery{Action: action, Limit: 1})
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0].ID, nil
}

func (w *world) get(ctx context.Context, path string, query url.Values, into any) error {
	a, err := w.api.Do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(a.Body, into)
}

// do runs a command of Squall's and shows it.
func (w *world) do(ctx context.Context, args ...string) error {
	fmt.Printf("$ squall %s\n", strings.Join(args, " "))
	cmd := w.command(ctx, args...)
	if slices.Contains(args, "enable") {
		cmd.Stdout = nil // it answers with the whole rule
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("squall %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// say prints a heading: bold at a terminal, unless NO_COLOR forbids (no-color.org).
func say(format string, args ...any) {
	if os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(os.Stdout.Fd())) {
		format = "\033[1m" + format + "\033[0m"
	}
	fmt.Printf("\n"+format+"\n", args...)
}
