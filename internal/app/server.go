package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"golang.org/x/sync/errgroup"

	"squall/internal/api"
	"squall/internal/auth"
	"squall/internal/content"
	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/yaql"
	"squall/internal/lifecycle"
	"squall/internal/notify"
	"squall/internal/reactor"
	"squall/internal/rollout"
	"squall/internal/runner/keep"
	"squall/internal/runner/python"
	"squall/internal/runner/remote"
	"squall/internal/runner/ssh"
	"squall/internal/runner/types"
	"squall/internal/scheduler"
	"squall/internal/sensor"
	"squall/internal/squall"
	"squall/internal/store"
)

// Version is the program's, set by the linker.
var Version = "dev"

// AddressFile is the file in the data directory that holds the API's address
// while the server runs: the way to find it when it listens on port 0.
const AddressFile = "address"

// server is everything that lives as long as the process.
type server struct {
	config  *Config
	log     *slog.Logger
	metrics *metrics
	store   store.Store
	types   *types.Catalog
	packs   *content.Service
	keyring *auth.Keyring
	sched   *scheduler.Scheduler
	events  *reactor.Reactor
	notify  *notify.Notifier
	api     *api.Server
	listen  net.Listener
	access  *access
	sources *sources
	ports   []net.Listener // StackStorm's, beside listen
	// streamAddress is where only the stream is meant, "" without st2_ports.
	streamAddress string
	ssh           *ssh.Pool
	detached      *remote.Journals // nil: detached commands end with this process
	rollouts      *rollout.Service
	keep          *keep.Client // nil: local actions end with this process
	python        *python.Runner
	pythonLib     string // where its library lies
	sensors       *sensor.Manager
	stops         []func() // in the order of start

	stopping atomic.Bool
}

// Serve runs a server until ctx ends, then stops it in the direction of the
// flow: no new requests, no new claims, running work, listeners, database. A
// start that fails half-way stops what was started.
func Serve(ctx context.Context, c *Config, log *slog.Logger) (err error) {
	began := time.Now()
	s := &server{config: c, log: log, metrics: newMetrics(), types: types.Builtin()}
	defer s.close()
	if err := s.open(ctx); err != nil {
		return err
	}
	log.Info("ready", "url", c.PublicURL(), "node", c.NodeName(), "version", Version, "took", time.Since(began).Round(time.Millisecond))
	return s.run(ctx)
}

// open makes everything that can fail before work begins.
func (s *server) open(ctx context.Context) error {
	c := s.config
	if err := os.MkdirAll(c.Server.Data, 0o700); err != nil {
		return squall.Errorf(squall.Invalid, "the data directory cannot be made: %w; choose another with --data DIR", err)
	}
	stopTracing, err := startTracing(ctx, c.Tracing.Endpoint, c.Tracing.Ratio, c.NodeName(), Version)
	if err != nil {
		return err
	}
	s.atEnd(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := stopTracing(ctx); err != nil {
			s.log.Warn("some spans were not sent", "error", err)
		}
	})

	if s.store, err = openStore(ctx, c, s.metrics, s.log); err != nil {
		return err
	}
	s.atEnd(func() {
		if err := s.store.Close(); err != nil {
			s.log.Error("the database did not close cleanly", "error", err)
		}
	})
	s.metrics.watchQueue(s.store)

	if s.access, err = openAccess(c, s.log.With("part", "access")); err != nil {
		return err
	}
	if s.sources, err = openSources(c); err != nil {
		return err
	}
	if s.listen, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.Server.Listen); err != nil {
		return squall.Errorf(squall.Unavailable, "the API cannot listen on %s: %w", c.Server.Listen, err)
	}
	s.atEnd(func() { s.listen.Close() }) //nolint:errcheck // the HTTP server has closed it already
	c.Server.Listen = s.listen.Addr().String()
	if err := s.openPorts(ctx); err != nil {
		return err
	}
	if conf := s.access.tlsConfig(); conf != nil {
		s.listen = tls.NewListener(s.listen, conf)
	}

	if err := s.loadPacks(ctx); err != nil {
		return err
	}
	if err := ensureAdmin(ctx, s.store, c.Server.Data, s.log); err != nil {
		return err
	}
	if s.keyring, err = openKeyring(ctx, s.store, c.KeyringPath(), s.log); err != nil {
		return err
	}
	if err := noteKeyOfNode(ctx, s.store, s.keyring, c.NodeName()); err != nil {
		return err
	}
	if err := s.evictOthers(ctx); err != nil {
		return err
	}
	if err := s.wire(); err != nil {
		return err
	}
	return s.writeAddress()
}

// wire connects the parts. Nothing runs yet.
func (s *server) wire() error {
	c := s.config
	ids := squall.NewIDSource()
	tracer := otel.Tracer("squall")
	exprs := expr.NewSet(expr.Limits{}, jinja.New(), yaql.New(yaql.Options{Now: time.Now}))
	svc := lifecycle.New(s.store, s.types, lifecycle.Options{IDs: ids, Tracer: tracer, Log: s.log.With("part", "lifecycle"), Keyring: s.keyring,
		Workflows: lifecycle.Workflows{
			Exprs:   exprs,
			Options: expr.Options{NoReevaluate: !c.Expressions.Reevaluate},
			APIURL:  c.PublicURL(),
		},
	})
	host, _ := os.Hostname()
	secrets, err := s.secrets()
	if err != nil {
		return err
	}
	if err := s.openKeep(); err != nil {
		return err
	}
	if err := s.openSSH(); err != nil {
		return err
	}
	if err := s.openPython(svc); err != nil {
		return err
	}
	s.rollouts = rollout.New(s.store, svc, ids, c.NodeName(), s.log.With("part", "rollout"))
	runners, err := s.runners()
	if err != nil {
		return err
	}
	limits, err := labelLimits(c.Scheduler.LabelLimits)
	if err != nil {
		return err
	}
	s.sched, err = scheduler.New(svc, s.store, runners, scheduler.Config{
		Node:        store.Node{Name: c.NodeName(), Host: host, PID: os.Getpid(), Version: Version, URL: c.PublicURL()},
		Slots:       c.Scheduler.Slots,
		Queues:      c.Scheduler.Queues,
		Labels:      c.Scheduler.Labels,
		OnlyLabels:  c.Scheduler.OnlyLabels,
		LabelLimits: limits,
		LeaseTTL:    leaseTTL(c),
		Keep:        s.keeper(),
		KeepFor:     c.Scheduler.KeepFor,
		RescueEvery: c.Scheduler.LeaseTTL / 2,
		Heartbeat:   c.Scheduler.Heartbeat,
		Poll:        c.Scheduler.Poll,
		SoftStop:    c.Server.ShutdownTimeout,
		OutputLimit: c.Scheduler.OutputLimit,
		Retention: lifecycle.Retention{
			Executions: c.Retention.Executions, Outbox: c.Retention.Events,
			Tokens: 24 * time.Hour, Nodes: 24 * time.Hour, Audit: c.Access.AuditRetention,
		},
		APIURL:      c.PublicURL(),
		FetchSecret: secrets.Fetch,
		IssueToken: func(_ context.Context, ex *squall.Execution) (string, error) {
			return auth.RunToken{User: ex.User, Execution: ex.ID, Ends: time.Now().Add(auth.RunTokenTTL)}.Seal(s.keyring), nil
		},
		Hooks:  s.metrics.hooks(),
		Tracer: tracer,
		Log:    s.log.With("part", "scheduler"),
	})
	if err != nil {
		return err
	}
	svc.SetLocal(s.sched)
	s.events = s.newReactor(svc, exprs, ids)
	if s.notify, err = s.newNotifier(svc, exprs, ids); err != nil {
		return err
	}

	s.sensors = s.newSensors(svc, ids)
	trusted, err := networks(c.Access.ProxyTrusted)
	if err != nil {
		return squall.Errorf(squall.Invalid, "auth.proxy_trusted: %w", err)
	}
	s.api = api.New(api.Deps{
		Store:       s.store,
		Lifecycle:   svc,
		Runners:     types.Known(),
		Packs:       s.packs,
		Events:      s.events,
		Rollouts:    s.rollouts,
		Hosts:       hosts{s.ssh},
		IDs:         ids,
		Keyring:     s.keyring,
		Log:         s.log.With("part", "api"),
		Tracer:      tracer,
		Observe:     s.metrics.request,
		Version:     Version,
		Ready:       s.notReady,
		Metrics:     promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}),
		OpenMetrics: true,
		Policy:      s.access.Policy,
		Htpasswd:    s.access.Htpasswd,
		Admins:      c.Access.Admins,
		Proxy:       api.Proxy{Header: c.Access.ProxyHeader, Groups: c.Access.ProxyGroups, Trusted: trusted},
		Passwords:   s.sources.passwords(),
		SignOns:     s.sources.signOns(),
		Bearers:     s.sources.accepted(),
		TLS:         c.Access.TLSCert != "",
		TTL:         auth.TTL{Default: c.Auth.TokenTTL, Max: c.Auth.TokenMaxTTL},
		WebURL:      c.PublicURL(),
		BodyLimit:   c.API.MaxBody,
		MaxPageSize: c.API.MaxPageSize,
	})
	return nil
}

// leaseTTL is how long the node's lease lives without a renewal. Nobody else can
// open an embedded database, so nobody waits for the lease to run out: a disk
// that is full for an hour must not cost the actions that run meanwhile.
func leaseTTL(c *Config) time.Duration {
	if c.Database.URL == "" {
		return 365 * 24 * time.Hour
	}
	return c.Scheduler.LeaseTTL
}

// evictOthers ends the leases of all nodes in an embedded database: the lock on
// the file proves that none of them lives. It matters when the data was moved
// to a host of another name.
func (s *server) evictOthers(ctx context.Context) error {
	if s.config.Database.URL != "" {
		return nil
	}
	var nodes []store.Node
	err := s.store.View(ctx, func(tx store.Tx) (err error) {
		nodes, err = tx.Nodes(ctx)
		return err
	})
	nodes = slices.DeleteFunc(nodes, func(n store.Node) bool { return n.Name == s.config.NodeName() })
	if err != nil || len(nodes) == 0 {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error {
		for _, n := range nodes {
			if err := tx.LeaveNode(ctx, n.Name, n.Epoch); err != nil {
				return err
			}
		}
		return nil
	})
}

// notReady returns the reasons why no work is accepted now.
func (s *server) notReady(ctx context.Context) []string {
	if s.stopping.Load() {
		return []string{"the server is stopping"}
	}
	if err := s.store.Health(ctx); err != nil {
		return []string{squall.MessageOf(err)}
	}
	return nil
}

// run starts the loops and waits for the end.
func (s *server) run(ctx context.Context) error {
	// The scheduler gets the order to stop; everything it still needs while its
	// actions end (database, API for actions that call it) lives on in work.
	work, stopWork := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopWork(nil)

	web := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return work },
		ErrorLog:          slog.NewLogLogger(s.log.With("part", "http").Handler(), slog.LevelDebug),
	}
	g, gctx := errgroup.WithContext(work)
	for _, l := range append([]net.Listener{s.listen}, s.ports...) {
		g.Go(func() error { return serveListener(web, l) })
	}
	g.Go(func() error { return s.api.Run(gctx) })
	g.Go(func() error { return s.rollouts.Run(gctx) })
	s.access.tell = func(name string, differs []string) { s.auditFiles(gctx, name, differs) }
	g.Go(func() error { return s.access.run(gctx) })
	g.Go(func() error { return s.sealAgain(gctx) })
	if s.config.Packs.Watch {
		g.Go(func() error { return s.packs.Watch(gctx, content.Watching{}) })
	}
	g.Go(func() error { return s.runEvents(ctx, gctx) })
	g.Go(func() error { return s.runNotify(ctx, gctx) })

	g.Go(func() error { return s.runSensors(ctx, gctx) })
	g.Go(func() error { return keepWatchdog(gctx, s.store.Health) })
	g.Go(func() error {
		soft, cancel := context.WithCancel(gctx)
		defer cancel()
		defer context.AfterFunc(ctx, func() {
			s.stopping.Store(true)
			_ = notifySystemd("STOPPING=1") // nobody to tell is fine
			s.log.Info("stopping", "grace", s.config.Server.ShutdownTimeout)
			cancel()
		})()
		err := s.sched.Run(soft)
		stopWork(api.ErrStopping) // ends streams and long requests
		shutdown, cancelShutdown := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancelShutdown()
		if web.Shutdown(shutdown) != nil {
			web.Close() // a connection that has sent nothing yet keeps Shutdown waiting
		}
		return err
	})
	if err := notifySystemd("READY=1"); err != nil {
		s.log.Warn("the service manager was not told that we are ready", "error", err)
	}
	err := g.Wait()
	if err == nil {
		s.log.Info("stopped")
	}
	return err
}

// atEnd adds a step to close.
func (s *server) atEnd(stop func()) { s.stops = append(s.stops, stop) }

// close undoes open, the last step first.
func (s *server) close() {
	for len(s.stops) > 0 {
		last := len(s.stops) - 1
		s.stops[last]()
		s.stops = s.stops[:last]
	}
}

func (s *server) writeAddress() error {
	path := filepath.Join(s.config.Server.Data, AddressFile)
	if err := os.WriteFile(path, []byte(s.config.PublicURL()+"\n"), 0o600); err != nil {
		return fmt.Errorf("write address: %w", err)
	}
	s.atEnd(func() { os.Remove(path) }) //nolint:errcheck // a stale file is overwritten by the next start
	return nil
}
