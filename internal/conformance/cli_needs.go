package conformance

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"squall/internal/expr/value"
)

// recordedPlain is the password that the recorded commands gave.
const recordedPlain = "Ch@ngeMe"

var (
	objectID = regexp.MustCompile(`\b[0-9a-f]{24}\b`)
	// The action of an execution, and the command it was given, in all forms of output.
	actionRef   = regexp.MustCompile(`(?:action\.ref[^:|]*[:|]\s*|"ref": "|(?m:^ +)ref: )([\w-]+\.[\w.-]+)`)
	givenCmd    = regexp.MustCompile(`(?m)["\s]cmd"?: "?(.*?)"?,?\s*\|?$`)
	executionOf = regexp.MustCompile(`(?m)^id: ([0-9a-f]{24})\naction\.ref: (\S+)$`)
	// What is said of things that do not exist.
	isMissing = regexp.MustCompile(`is not found|cannot be found|doesn't exist|does not exist|Unable to identify resource`)
)

// provide brings into being what a recorded command names, and puts our
// identifiers in place of the recorded ones. What the recording did not find is
// not made.
func (r *cliWorld) provide(ctx context.Context, words []string, want string) ([]string, error) {
	words = slices.Clone(words)
	for i, w := range words {
		if w == recordedPlain {
			words[i] = recordedPassword
		}
		words[i] = strings.ReplaceAll(words[i], "examples.", asRecorded+".")
	}
	if len(words) < 2 || isMissing.MatchString(want) || strings.HasPrefix(want, "usage: ") {
		return words, nil
	}
	var err error
	switch words[0] {
	case "execution":
		err = r.provideExecution(ctx, words, want)
	case "key":
		err = r.provideKey(ctx, words, want)
	case "rule", "action", "trigger", "policy":
		err = r.provideContent(ctx, words, want)
	case "action-alias":
		if err = r.provideAlias(ctx); err == nil {
			err = r.provideContent(ctx, words, want)
		}
	case "apikey":
		err = r.provideID(words, func() (string, error) {
			return r.madeID(ctx, http.MethodPost, "/api/v1/apikeys", value.DictOf("metadata", value.DictOf("app", "x")))
		})
	case "timer":
		err = r.provideID(words, func() (string, error) {
			return r.rule(ctx, "clitimer", "core.st2.IntervalTimer", value.DictOf("unit", "hours", "delta", int64(5)))
		})
	case "webhook":
		url := "clihook"
		if words[1] == "get" && len(words) > 2 {
			url = words[2]
		}
		err = r.provideID(words, func() (string, error) {
			return r.rule(ctx, "clihook", "core.st2.webhook", value.DictOf("url", url))
		})
	case "trigger-instance", "rule-enforcement", "trace":
		err = r.provideEvent(ctx, words)
	case "inquiry":
		if words[1] != "list" || strings.Contains(want, "| id ") && objectID.MatchString(want) {
			err = r.provideInquiry(ctx, words)
		}
	case "policy-type", "runner", "role", "role-assignment":
		err = r.provideID(words, func() (string, error) {
			paths := map[string]string{"policy-type": "policytypes", "runner": "runnertypes", "role": "rbac/roles", "role-assignment": "rbac/role_assignments"}
			return r.firstOf(ctx, "/api/v1/"+paths[words[0]])
		})
	}
	return words, err
}

// provideID makes one thing and puts its identifier where one stands.
func (r *cliWorld) provideID(words []string, create func() (string, error)) error {
	id, err := create()
	if err != nil {
		return err
	}
	for i, w := range words {
		if objectID.MatchString(w) && id != "" {
			words[i] = objectID.ReplaceAllString(w, id)
		}
	}
	return nil
}

// made makes a call that must succeed and returns the object it answers with.
func (r *cliWorld) made(ctx context.Context, method, path string, body any) (*value.Dict, error) {
	a, err := r.w.call(ctx, method, path, body)
	if err == nil && a.status >= 300 {
		err = fmt.Errorf("%s %s: %d %s", method, path, a.status, a.raw)
	}
	if err != nil {
		return nil, fmt.Errorf("bring about what the command names: %w", err)
	}
	return a.object(), nil
}

// madeID is made for who wants the identifier only.
func (r *cliWorld) madeID(ctx context.Context, method, path string, body any) (string, error) {
	d, err := r.made(ctx, method, path, body)
	if err != nil {
		return "", err
	}
	return str(d, "id"), nil
}

// firstOf is the identifier of the first thing of a list.
func (r *cliWorld) firstOf(ctx context.Context, path string) (string, error) {
	a, err := r.w.call(ctx, http.MethodGet, path, nil)
	if err != nil || len(items(a.body)) == 0 {
		return "", err
	}
	return str(items(a.body)[0].(*value.Dict), "id"), nil
}

// provideExecution runs what the recording shows.
func (r *cliWorld) provideExecution(ctx context.Context, words []string, want string) error {
	if words[1] == "list" {
		action, params := "core.noop", value.NewDict(0)
		if slices.Contains(words, "failed") {
			action, params = "core.local", value.DictOf("cmd", "false")
		}
		for range 3 {
			if _, err := r.execute(ctx, action, params, true); err != nil {
				return err
			}
		}
		return nil
	}
	return r.provideID(words, func() (string, error) {
		action, params := "core.local", value.DictOf("cmd", "date")
		if known := r.ran[objectID.FindString(strings.Join(words, " "))]; known != "" {
			action = known
		}
		shown := stripColors(want)
		if m := actionRef.FindStringSubmatch(shown); m != nil {
			action = m[1]
		}
		if m := givenCmd.FindStringSubmatch(shown); m != nil && words[1] != "re-run" {
			params = value.DictOf("cmd", m[1])
		}
		if strings.HasPrefix(action, "examples.") {
			action, params = strings.ReplaceAll(action, "examples.", asRecorded+"."), value.DictOf("name", "Z")
		} else if action != "core.local" {
			params = value.NewDict(0)
		}
		ended := true
		if (words[1] == "pause" || words[1] == "resume") && !strings.Contains(want, "in completed state") || words[1] == "cancel" && strings.Contains(want, "canceled.\n") {
			ended = false
			if action == "core.local" && words[1] == "cancel" {
				params = value.DictOf("cmd", "sleep 60")
			}
		}
		return r.execute(ctx, action, params, ended)
	})
}

// execute runs an action, to its end if asked, and returns the execution's identifier.
func (r *cliWorld) execute(ctx context.Context, action string, params *value.Dict, toEnd bool) (string, error) {
	ex, err := r.made(ctx, http.MethodPost, "/api/v1/executions", value.DictOf("action", action, "parameters", params))
	if err != nil {
		return "", err
	}
	id := str(ex, "id")
	for deadline := time.Now().Add(20 * time.Second); toEnd && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ex, err = r.made(ctx, http.MethodGet, "/api/v1/executions/"+id, nil); err != nil {
			return "", err
		}
		if slices.Contains([]string{"succeeded", "failed", "timeout", "canceled", "pending"}, str(ex, "status")) {
			break
		}
	}
	return id, nil
}

// provideKey sets the key that the recording shows.
func (r *cliWorld) provideKey(ctx context.Context, words []string, want string) error {
	name, content := "clikey", "clivalue"
	for _, w := range words[2:] {
		if !strings.HasPrefix(w, "-") && words[1] != "list" {
			name = w
			break
		}
	}
	if words[1] == "set" || words[1] == "load" {
		for i, w := range words {
			if strings.HasPrefix(w, "/tmp/") {
				var err error
				if words[i], err = r.file(filepath.Base(w), value.NewList(value.DictOf("name", "clikey", "value", content))); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, row := range propertyRows(stripColors(want)) {
		if row[0] == "value" {
			content = row[1]
		}
	}
	_, err := r.made(ctx, http.MethodPut, "/api/v1/keys/"+name, value.DictOf("name", name, "value", content, "scope", "system", "secret", strings.Contains(want, "| secret           | True")))
	return err
}

// contents are the things of packs that commands make and change.
var contents = map[string]struct {
	path string
	body func(name string) *value.Dict
}{
	"rule": {"rules", func(name string) *value.Dict {
		return ruleBody(name, "core.st2.webhook", value.DictOf("url", "cli"))
	}},
	"action": {"actions", func(name string) *value.Dict {
		return value.DictOf("name", name, "pack", "default", "enabled", true, "runner_type", "noop", "entry_point", "")
	}},
	"action-alias": {"actionalias", func(name string) *value.Dict {
		return value.DictOf("name", name, "pack", "default", "action_ref", "core.noop", "formats", value.NewList(name))
	}},
	"trigger": {"triggertypes", func(name string) *value.Dict {
		return value.DictOf("name", name, "pack", "default")
	}},
	"policy": {"policies", func(name string) *value.Dict {
		return value.DictOf("name", name, "pack", "default", "enabled", true, "resource_ref", "core.noop", "policy_type", "action.concurrency",
			"parameters", value.DictOf("threshold", int64(2), "action", "delay"))
	}},
}

// provideContent makes the thing of the pack default that a command names, and
// the file it reads.
func (r *cliWorld) provideContent(ctx context.Context, words []string, want string) error {
	kind := contents[words[0]]
	body := func(name string) *value.Dict {
		d := kind.body(name)
		if strings.Contains(want, "| description ") {
			d.SetStr("description", name)
		}
		return d
	}
	path := "/api/v1/" + kind.path
	for _, w := range words[2:] {
		name, ok := strings.CutPrefix(w, "default.")
		if !ok {
			continue
		}
		if _, err := r.w.call(ctx, http.MethodDelete, path+"/"+w, nil); err != nil { // as somebody else left it
			return err
		}
		if _, err := r.made(ctx, http.MethodPost, path, body(name)); err != nil {
			return err
		}
	}
	for i, w := range words {
		if !strings.HasPrefix(w, "/tmp/") {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(w), filepath.Ext(w))
		if words[1] == "create" {
			if _, err := r.w.call(ctx, http.MethodDelete, path+"/default."+name, nil); err != nil {
				return err
			}
		}
		var err error
		if words[i], err = r.file(filepath.Base(w), body(name)); err != nil {
			return err
		}
	}
	return nil
}

// rule makes a rule of the pack default anew, and returns its identifier.
func (r *cliWorld) rule(ctx context.Context, name, trigger string, params *value.Dict) (string, error) {
	if _, err := r.w.call(ctx, http.MethodDelete, "/api/v1/rules/default."+name, nil); err != nil {
		return "", err
	}
	return r.madeID(ctx, http.MethodPost, "/api/v1/rules", ruleBody(name, trigger, params))
}

func ruleBody(name, trigger string, params *value.Dict) *value.Dict {
	return value.DictOf("name", name, "pack", "default", "enabled", true,
		"trigger", value.DictOf("type", trigger, "parameters", params), "action", value.DictOf("ref", "core.noop"))
}

// provideAlias makes an alias that the recorded pack packs had.
func (r *cliWorld) provideAlias(ctx context.Context) error {
	a, err := r.w.call(ctx, http.MethodPost, "/api/v1/actionalias", value.DictOf("name", "pack_get", "pack", "packs", "action_ref", "packs.get",
		"description", "Get information about installed StackStorm pack.", "formats", value.NewList("pack get {{pack}}")))
	if err == nil && a.status >= 300 && a.status != http.StatusConflict {
		err = fmt.Errorf("create the alias pack_get: %d %s", a.status, a.raw)
	}
	return err
}

// file writes a definition that a command reads. JSON is YAML.
func (r *cliWorld) file(name string, doc any) (string, error) {
	content, err := value.ToJSON(doc)
	if err != nil {
		return "", err
	}
	path := filepath.Join(r.home, name)
	return path, os.WriteFile(path, content, 0o600)
}

// provideEvent makes events happen that a rule reacts to, and names the newest.
func (r *cliWorld) provideEvent(ctx context.Context, words []string) error {
	if _, err := r.rule(ctx, "clievent", "core.st2.webhook", value.DictOf("url", "clievent")); err != nil {
		return err
	}
	path := map[string]string{"trigger-instance": "triggerinstances", "rule-enforcement": "ruleenforcements", "trace": "traces"}[words[0]]
	for range 3 {
		if _, err := r.made(ctx, http.MethodPost, "/api/v1/webhooks/clievent", value.DictOf("a", int64(1))); err != nil {
			return err
		}
	}
	return r.provideID(words, func() (id string, err error) {
		for range 100 {
			a, err := r.w.call(ctx, http.MethodGet, "/api/v1/"+path+"?limit=10", nil)
			if err != nil {
				return "", err
			}
			if found := items(a.body); len(found) >= 3 {
				return str(found[0].(*value.Dict), "id"), nil
			}
			time.Sleep(50 * time.Millisecond)
		}
		return "", fmt.Errorf("no events in /api/v1/%s", path)
	})
}

// provideInquiry asks something.
func (r *cliWorld) provideInquiry(ctx context.Context, words []string) error {
	return r.provideID(words, func() (string, error) {
		if _, err := r.execute(ctx, "core.ask", value.NewDict(0), true); err != nil {
			return "", err
		}
		return r.firstOf(ctx, "/api/v1/inquiries")
	})
}
