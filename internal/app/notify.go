package app

import (
	"context"
	"os"
	"strings"

	"squall/internal/expr"
	"squall/internal/lifecycle"
	"squall/internal/notify"
	"squall/internal/squall"
)

// newNotifier makes what tells the world, nil when nobody is to be told.
func (s *server) newNotifier(svc *lifecycle.Service, exprs *expr.Set, ids *squall.IDSource) (*notify.Notifier, error) {
	c := s.config
	if c.Notify.File == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.Notify.File)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "notify.file: %w", err)
	}
	conf, err := notify.ReadConfig(text)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%s: %w", c.Notify.File, err)
	}
	log := s.log.With("part", "notify")
	sinks, err := notify.NewSinks(conf, exprs, log)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%s: %w", c.Notify.File, err)
	}
	return notify.New(notify.Options{
		Store: s.store, Lifecycle: svc, Config: conf, Sinks: sinks, IDs: ids, Node: c.NodeName(), WebURL: strings.TrimRight(c.Server.URL, "/"), Poll: c.Scheduler.Poll, Log: log,
	}), nil
}

// runNotify tells the world until the order to stop, or until something else has failed.
func (s *server) runNotify(stop, failed context.Context) error {
	if s.notify == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(failed)
	defer cancel()
	defer context.AfterFunc(stop, cancel)()
	return s.notify.Run(ctx)
}
