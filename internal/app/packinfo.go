package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"squall/internal/content"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

// packQuestion is what the actions that tell something about packs ask for.
type packQuestion struct {
	Pack   string `json:"pack"`
	Branch string `json:"branch"`
	Query  string `json:"query"`
}

// packTold are the actions that tell something about packs, by entry point.
var packTold = map[string]func(context.Context, *content.Service, packQuestion) (any, error){
	"get": func(ctx context.Context, packs *content.Service, q packQuestion) (any, error) {
		return installedPack(ctx, packs, q.Pack, q.Branch)
	},
	"search": func(_ context.Context, packs *content.Service, q packQuestion) (any, error) {
		return packs.Search(q.Query)
	},
	"show": func(_ context.Context, packs *content.Service, q packQuestion) (any, error) {
		index, err := packs.Index()
		if err != nil {
			return nil, err
		}
		return map[string]any{"pack": index[q.Pack]}, nil // null when there is none (st2)
	},
}

// tell answers a question, in the form of a Python action's result, for chat
// commands were written for that.
func (r packRunner) tell(ctx context.Context, job *runner.Job, tell func(context.Context, *content.Service, packQuestion) (any, error)) (squall.Outcome, error) {
	var q packQuestion
	if err := decodeParams(job, &q, &struct{}{}); err != nil {
		return squall.Outcome{}, err
	}
	status := squall.Succeeded
	result := map[string]any{"result": nil, "stdout": "", "stderr": "", "exit_code": 0}
	told, err := tell(ctx, r.packs, q)
	switch {
	case err == nil:
		result["result"] = told
	case squall.KindOf(err) == squall.Internal:
		return squall.Outcome{}, err
	default:
		status = squall.Failed
		result["error"], result["stderr"], result["exit_code"] = squall.MessageOf(err), squall.MessageOf(err), 1
	}
	doc, err := json.Marshal(result)
	if err != nil {
		return squall.Outcome{}, err
	}
	return squall.Outcome{Status: status, Result: doc}, nil
}

// packInfo is what packs.get says of an installed pack (st2): pack.yaml as it is
// written, and the state of the repository the pack came from. Both are null
// when there is no such pack, the second also when it is no repository.
type packInfo struct {
	Pack      json.RawMessage `json:"pack"`
	GitStatus *string         `json:"git_status"`
}

// manifestSteps and manifestBytes bound the reading of a manifest.
const manifestSteps, manifestBytes = 1_000_000, 16 << 20

// installedPack describes an installed pack; branch is that of the remote
// repository with which it is compared. Error kind: Invalid for a manifest that
// cannot be read.
func installedPack(ctx context.Context, packs *content.Service, ref, branch string) (packInfo, error) {
	var p *squall.Pack
	err := packs.Store.View(ctx, func(tx store.Tx) (err error) {
		p, err = tx.Pack(ctx, ref)
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		return packInfo{}, nil
	}
	if err != nil {
		return packInfo{}, err
	}
	text, err := os.ReadFile(filepath.Join(p.Path, "pack.yaml"))
	if err != nil {
		return packInfo{}, squall.Errorf(squall.Invalid, "Pack %q has no pack.yaml that can be read: %w", ref, err)
	}
	doc, err := pyyaml.SafeLoad(value.NewBudget(ctx, manifestSteps, manifestBytes, 0), string(text))
	if err != nil {
		return packInfo{}, squall.Errorf(squall.Invalid, "Pack %q has a pack.yaml that is not valid: %s", ref, value.MessageOf(err))
	}
	info := packInfo{}
	if info.Pack, err = value.ToJSON(doc); err != nil {
		return packInfo{}, squall.Errorf(squall.Invalid, "Pack %q has a pack.yaml that is not valid: %s", ref, value.MessageOf(err))
	}
	if status := repositoryStatus(ctx, p.Path, branch); status != "" {
		info.GitStatus = &status
	}
	return info, nil
}

// repositoryStatus is the state of a git repository in words, "" when the
// directory is none.
func repositoryStatus(ctx context.Context, dir, branch string) string {
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		return ""
	}
	ask := func(args ...string) string {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
		out, err := cmd.Output()
		if err != nil {
			return ""
		}
		return string(bytes.TrimSpace(out))
	}
	first, _, _ := strings.Cut(ask("status"), "\n")
	var remotes []string
	for name := range strings.FieldsSeq(ask("remote")) {
		remotes = append(remotes, ask("remote", "get-url", "--", name))
	}
	text := fmt.Sprintf("Status:\n%s\n\nRemotes:\n%s", first, strings.Join(remotes, "\n"))
	var ahead, behind int
	counts := ask("rev-list", "--left-right", "--count", "HEAD...origin/"+branch, "--")
	if n, _ := fmt.Sscan(counts, &ahead, &behind); n != 2 || ahead+behind == 0 {
		return text
	}
	var words []string
	if ahead > 0 {
		words = append(words, fmt.Sprintf("%d commits ahead", ahead))
	}
	if behind > 0 {
		words = append(words, fmt.Sprintf("%d commits behind", behind))
	}
	return text + "\n\n" + strings.Join(words, " and ") + " of origin/" + branch + "."
}
