package conformance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"squall/internal/expr/value"
)

// runnerKinds are the files of the folder "runners", those that wait longest
// first.
//
// Most kinds run their cases on whole servers in this process (runners_world.go).
// A kind whose runner is not built is a line "runners/KIND/*: reason" in
// expected_failures.txt: whoever builds it takes the line out, and lists the
// single cases that differ on purpose instead. To see one kind only:
//
//	make conformance ARGS='-suite runners -category KIND -v'
//	make conformance ARGS='-suite runners -id runners/KIND/CASE -v'
//
// A new kind is a name here and, when its cases are no runs of an action, a
// mode in runnersSuite.
var runnerKinds = []string{
	"policies", "action-chain", "local-shell-cmd", "local-shell-script", "python-script", "http-request",
	"inquirer", "noop", "announcement", "parameters", "registration", "output-schema",
}

// runnersSuite runs the folder "runners": what actions do and what the API says
// of them.
func runnersSuite() Suite {
	r := &runnerWorlds{}
	return Suite{
		Name: "runners", Load: r.load, Prepare: r.prepare, Parallel: 16, Limit: 90 * time.Second,
		Modes: map[string]Runner{
			"run":         r.run,
			"register":    r.register,
			"policy":      r.policyRuns,
			"definition":  r.policyDefinition,
			"schema":      runOutputSchema,
			"config":      r.registerConfig,
			"unsupported": func(context.Context, *Case) (any, error) { return nil, errors.New("this form of case is not known") },
		},
	}
}

func (r *runnerWorlds) load(root string) ([]*Case, error) {
	r.root = root
	var out []*Case
	for _, kind := range runnerKinds {
		file := filepath.Join(root, "runners", kind+".json")
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		doc, err := value.FromJSON(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		d, ok := doc.(*value.Dict)
		if !ok {
			return nil, fmt.Errorf("%s: not an object", file)
		}
		for _, item := range items(at(d, "cases")) {
			raw, ok := item.(*value.Dict)
			if !ok {
				return nil, fmt.Errorf("%s: a case is not an object", file)
			}
			mode, corrected := runnerMode(kind, raw), ""
			if mode == "run" {
				if right, reason := correctedRun(kind, raw); reason != "" {
					raw, corrected = raw.Clone(), reason
					raw.Set("expect", right)
				}
			}
			c := &Case{
				Suite: "runners", Category: kind, ID: "runners/" + kind + "/" + str(raw, "name"), Mode: mode,
				Input: str(raw, "action"), Raw: raw, Corrected: corrected, Context: value.NewDict(0), Options: value.NewDict(0),
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func runnerMode(kind string, raw *value.Dict) string {
	has := func(key string) bool { _, ok := raw.GetStr(key); return ok }
	switch {
	case kind == "output-schema":
		return "schema"
	case kind == "registration" && has("metadata"):
		return "register"
	case kind == "registration":
		return "config"
	case kind == "policies" && has("policy"):
		return "definition"
	case kind == "policies":
		return "policy"
	case has("metadata"):
		return "run"
	}
	return "unsupported"
}

// runnerWorlds are the servers that the cases run on.
type runnerWorlds struct {
	root   string // of the corpus
	unset  func() // what was set in the environment
	worlds []*world
	of     map[*Case]*world
	web    *recordedServer
}

// prepare puts every case into the first world where it contradicts nothing,
// and starts them. Nearly all fit into one: they were recorded on one system,
// and some cases count on what others brought there.
func (r *runnerWorlds) prepare(ctx context.Context, all []*Case) (stop func(), err error) {
	*r = runnerWorlds{root: r.root, of: map[*Case]*world{}, unset: func() {}}
	if _, set := os.LookupEnv(recordedVariable); !set {
		if err := os.Setenv(recordedVariable, "/etc/st2/st2.conf"); err != nil {
			return nil, err
		}
		r.unset = func() { os.Unsetenv(recordedVariable) } //nolint:errcheck // a fixed name
	}
	defer func() {
		if err != nil {
			r.stop()
		}
	}()
	if r.web, err = startRecordedServer(r.root); err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Mode == "schema" {
			continue
		}
		needs, err := needsOf(c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.ID, err)
		}
		i := slices.IndexFunc(r.worlds, func(w *world) bool { return w.fits(needs) })
		if i < 0 {
			r.worlds = append(r.worlds, newWorld(r.web))
			i = len(r.worlds) - 1
		}
		r.worlds[i].add(needs)
		r.of[c] = r.worlds[i]
	}
	for _, w := range r.worlds {
		if err := w.start(ctx); err != nil {
			return nil, err
		}
	}
	return r.stop, nil
}

// recordedVariable was set for the recorded system, and its actions saw it.
const recordedVariable = "ST2_CONFIG_PATH"

func (r *runnerWorlds) stop() {
	r.unset()
	for _, w := range r.worlds {
		w.stop()
	}
	if r.web != nil {
		r.web.close()
	}
}
