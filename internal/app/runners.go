package app

import (
	"context"
	"encoding/json"
	"fmt"

	"squall/internal/lifecycle"
	"squall/internal/runner"
	"squall/internal/runner/announce"
	"squall/internal/runner/http"
	"squall/internal/runner/inquiry"
	"squall/internal/runner/local"
	"squall/internal/runner/noop"
	"squall/internal/runner/remote"
	"squall/internal/runner/std"
	"squall/internal/runner/types"
	"squall/internal/runner/winrm"
	"squall/internal/squall"
	"squall/internal/store"
)

// runners is the one list of drivers, by the names of their types
// (internal/runner/types holds what the API shows of them).
func (s *server) runners() (runner.Set, error) {
	limits := local.Config{SystemUser: s.config.Local.User, OutputLimit: int(s.config.Scheduler.OutputLimit), Keep: s.keep, Alone: s.config.Scheduler.KeepFor}
	cmd, err := local.NewCmd(limits)
	if err != nil {
		return nil, fmt.Errorf("runner local-shell-cmd: %w", err)
	}
	script, err := local.NewScript(limits)
	if err != nil {
		return nil, fmt.Errorf("runner local-shell-script: %w", err)
	}
	return runner.Set{
		"announcement":       announce.New(s.announce),
		"http-request":       http.New(http.Config{}),
		"inquirer":           inquiry.Runner{Type: inquirerType()},
		"local-shell-cmd":    cmd,
		"local-shell-script": script,
		"mistral-std":        std.Runner{},
		"node-run":           s.rollouts.Runner(),
		"noop":               noop.Runner{},
		"pack-manager":       packRunner{s.packs},
		"python-script":      s.python,

		"remote-shell-cmd":    remote.NewCmd(s.ssh, s.remoteConfig()),
		"remote-shell-script": remote.NewScript(s.ssh, s.remoteConfig()),

		"winrm-cmd":       winrm.NewCmd(limits.OutputLimit),
		"winrm-ps-cmd":    winrm.NewPSCmd(limits.OutputLimit),
		"winrm-ps-script": winrm.NewPSScript(limits.OutputLimit),
	}, nil
}

// announcement is the outbox form of an announcement; the API's stream sends
// the payload under the route.
type announcement struct {
	Route   string          `json:"route"`
	Payload json.RawMessage `json:"payload"`
}

func (s *server) announce(ctx context.Context, route string, payload json.RawMessage) error {
	body, err := json.Marshal(announcement{Route: route, Payload: payload})
	if err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error {
		tx.Wake(store.TopicOutbox)
		return tx.AppendOutbox(ctx, store.Message{Kind: store.Announcement, At: tx.Now(), Body: body})
	})
}

// inquirerType is what the runner of inquiries takes.
func inquirerType() *squall.RunnerType {
	rt, _ := types.Builtin().RunnerType(lifecycle.InquiryRunner)
	return rt
}
