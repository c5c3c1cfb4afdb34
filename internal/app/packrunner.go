package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"squall/internal/content"
	"squall/internal/runner"
	"squall/internal/squall"
)

// packRunner runs the actions of the pack packs.
type packRunner struct{ packs *content.Service }

var _ runner.Runner = packRunner{}

// packChange is what the result says of one pack.
type packChange struct {
	Pack     string   `json:"pack"`
	Added    []string `json:"added"`
	Changed  []string `json:"changed"`
	Removed  []string `json:"removed"`
	Problems []string `json:"problems"`
}

// Run installs, uninstalls or registers the packs of parameter packs, one after
// the other. A pack that fails ends it: those before it are done. Or it tells
// something about packs.
func (r packRunner) Run(ctx context.Context, job *runner.Job, out runner.Output) (squall.Outcome, error) {
	if tell := packTold[job.Action.EntryPoint]; tell != nil {
		return r.tell(ctx, job, tell)
	}
	var params struct {
		Packs            []string `json:"packs"`
		Force            bool     `json:"force"`
		SkipDependencies bool     `json:"skip_dependencies"`
	}
	var limits struct {
		Timeout float64 `json:"timeout"`
	}
	if err := decodeParams(job, &params, &limits); err != nil {
		return squall.Outcome{}, err
	}
	if limits.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(limits.Timeout*float64(time.Second)))
		defer cancel()
	}
	changes := []packChange{}
	var failure error
	add := func(reports []*content.Report, err error) {
		for _, report := range reports {
			changes = append(changes, changeOf(report))
			fmt.Fprintf(out.Stdout(), "%s: %d added, %d changed, %d removed\n", report.Pack, len(report.Added), len(report.Changed), len(report.Removed))
		}
		failure = err
	}
	switch job.Action.EntryPoint {
	case "load":
		add(r.packs.RegisterPacks(ctx, params.Packs, content.Options{}))
	case "install":
		for _, from := range params.Packs {
			if add(r.packs.Install(ctx, from, content.InstallOptions{Force: params.Force, SkipDependencies: params.SkipDependencies, Progress: out.Stdout()})); failure != nil {
				break
			}
		}
	case "uninstall":
		for _, ref := range params.Packs {
			if failure = r.packs.Remove(ctx, ref); failure != nil {
				break
			}
			changes = append(changes, packChange{Pack: ref, Added: []string{}, Changed: []string{}, Removed: []string{"pack " + ref}, Problems: []string{}})
		}
	case "setup_virtualenv":
		for _, ref := range params.Packs {
			var made bool
			if made, failure = r.packs.SetUpEnvironment(ctx, ref, out.Stdout()); failure != nil {
				break
			}
			change := packChange{Pack: ref, Added: []string{}, Changed: []string{}, Removed: []string{}, Problems: []string{}}
			if made {
				change.Changed = append(change.Changed, "environment")
			}
			changes = append(changes, change)
		}
	default:
		return squall.Outcome{}, squall.Errorf(squall.Invalid, "runner pack-manager cannot do %q", job.Action.EntryPoint)
	}
	return packOutcome(ctx, job.Action.EntryPoint, changes, failure, out)
}

func packOutcome(ctx context.Context, action string, changes []packChange, failure error, out runner.Output) (squall.Outcome, error) {
	result := map[string]any{"packs": changes}
	if action == "install" && failure == nil {
		result["output"] = installed(changes)
	}
	status := squall.Succeeded
	if failure != nil {
		status = squall.Failed
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			status = squall.Timeout
		}
		text := failure.Error()
		if squall.KindOf(failure) != squall.Internal {
			text = squall.MessageOf(failure)
		}
		result["error"] = text
		fmt.Fprintln(out.Stderr(), text)
	}
	doc, err := json.Marshal(result)
	if err != nil {
		return squall.Outcome{}, err
	}
	return squall.Outcome{Status: status, Result: doc}, nil
}

// installed is the output of st2's workflow packs.install, which its client and the
// workflows of others read.
func installed(changes []packChange) map[string]any {
	packs, warnings := []string{}, []string{}
	for _, c := range changes {
		packs = append(packs, c.Pack)
		warnings = append(warnings, c.Problems...)
	}
	return map[string]any{"packs_list": packs, "message": "Successfully installed packs", "conflict_list": nil, "warning_list": warnings}
}

func decodeParams(job *runner.Job, action, limits any) error {
	doc, err := json.Marshal(job.ActionParams)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(doc, action); err != nil {
		return squall.Errorf(squall.Invalid, "parameters: %w", err)
	}
	return job.Decode(limits)
}

func changeOf(r *content.Report) packChange {
	list := func(refs []string) []string { return append([]string{}, refs...) } // [] and not null
	c := packChange{Pack: r.Pack, Added: list(r.Added), Changed: list(r.Changed), Removed: list(r.Removed), Problems: list(nil)}
	for _, p := range r.Problems {
		c.Problems = append(c.Problems, p.String())
	}
	return c
}
