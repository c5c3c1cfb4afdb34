package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"squall/internal/auth"
	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/yaql"
	"squall/internal/lifecycle"
	"squall/internal/login"
	"squall/internal/rollout"
	"squall/internal/squall"
	"squall/internal/store"
)

// Deps is what the API needs. Store, Lifecycle and Runners must be set; the
// other zero values mean the defaults given.
type Deps struct {
	Store     store.Store
	Lifecycle *lifecycle.Service
	Runners   Runners
	Packs     Packs            // default: packs can only be looked at
	Events    Events           // default: events can only be looked at
	Rollouts  *rollout.Service // default: one whose rollouts somebody else moves
	Hosts     Hosts            // nil: no machines are reached from here
	IDs       *squall.IDSource
	Exprs     *expr.Set     // for what aliases say and workflows hold; default: a set of its own
	Keyring   *auth.Keyring // for secrets of the datastore; default: one that ends with the process
	Log       *slog.Logger  // default: nothing is logged
	Tracer    trace.Tracer  // default: no spans
	Observe   func(Request) // told about every finished request; must not block
	Version   string        // shown at the root

	// Ready returns what keeps the server from accepting work, nothing when it
	// is ready. Default: the store's health.
	Ready func(context.Context) []string
	// Metrics answers /metrics. OpenMetrics lets it answer without a token to
	// clients on the loopback interface.
	Metrics     http.Handler
	OpenMetrics bool

	// Policy returns the roles that hold now, nil when they do not count. A change
	// takes a few seconds to reach those who are known already. Default: nil.
	Policy func() *auth.Policy

	// Htpasswd returns the users of an htpasswd file as it is now, beside those
	// of the store. Default: none.
	Htpasswd func() auth.Htpasswd
	Admins   []string // users that are administrators wherever they come from
	Proxy    Proxy    // whose word is taken for who a user is; default: nobody's

	// Outside sources of users; default: none. Passwords are asked in their order.
	Passwords []login.Passwords
	SignOns   []login.SignOn // the first is the one meant when none is named
	Bearers   login.Bearers

	TLS bool // the listener speaks TLS: clients are told to insist on it

	TTL         auth.TTL      // life of tokens; default auth.DefaultTTL
	Origins     []string      // allowed for CORS, the first is the fallback; default: http://127.0.0.1:3000
	WebURL      string        // where people look at executions; default: https://localhost
	BodyLimit   int64         // bytes of a request body; default: 8 MB
	MaxPageSize int           // of lists, for users that are no administrators; default: 100
	CountLimit  int           // X-Total-Count of executions counts no further; default: 100,000
	Heartbeat   time.Duration // of idle streams; default: 15 s
	BodyTimeout time.Duration // for a request's body to arrive; default: 1 min
}

// Runners is the catalogue of runner types, filled in internal/app.
type Runners interface {
	RunnerType(name string) (*squall.RunnerType, bool)
	All() []*squall.RunnerType // by name
}

// Request describes a finished request, for metrics.
type Request struct {
	Route  string // the pattern, "" when none matched
	Method string
	Status int
	Bytes  int64
	Took   time.Duration
}

// Server is the API. It is an http.Handler; Run moves its event streams.
type Server struct {
	Deps
	routes  *router
	tokens  tokenCache
	denials denials
	catalog catalog
	// actionRefs keeps the references that identifiers of actions stand for. They
	// never change; there are as many as actions were asked for by them.
	actionRefs sync.Map
	nodes      nodeCache
	hub        *hub
	limits     loginLimits
	logins     chan struct{} // bounds how many passwords are checked at once
	asking     chan struct{} // the same, where outside sources are asked

	description func() ([]byte, error) // the OpenAPI document, made once
}

// New returns the API. Event streams work while Run does.
func New(d Deps) *Server {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.IDs == nil {
		d.IDs = squall.NewIDSource()
	}
	if d.Rollouts == nil {
		d.Rollouts = rollout.New(d.Store, d.Lifecycle, d.IDs, "api", d.Log)
	}
	if d.Keyring == nil {
		d.Keyring = auth.NewKeyring(time.Now())
	}
	if d.Exprs == nil {
		d.Exprs = expr.NewSet(expr.Limits{}, jinja.New(), yaql.New(yaql.Options{Now: time.Now}))
	}
	if d.Packs == nil {
		d.Packs = noPacks{}
	}
	if d.Observe == nil {
		d.Observe = func(Request) {}
	}
	if d.Policy == nil {
		d.Policy = func() *auth.Policy { return nil }
	}
	if d.Htpasswd == nil {
		d.Htpasswd = func() auth.Htpasswd { return nil }
	}
	if d.TTL == (auth.TTL{}) {
		d.TTL = auth.DefaultTTL
	}
	if len(d.Origins) == 0 {
		d.Origins = []string{"http://127.0.0.1:3000"}
	}
	d.WebURL = orDefault(d.WebURL, "https://localhost")
	d.Version = orDefault(d.Version, "dev")
	d.BodyLimit = orDefault(d.BodyLimit, 8<<20)
	d.MaxPageSize = orDefault(d.MaxPageSize, 100)
	d.CountLimit = orDefault(d.CountLimit, 100_000)
	d.Heartbeat = orDefault(d.Heartbeat, 15*time.Second)
	d.BodyTimeout = orDefault(d.BodyTimeout, time.Minute)

	s := &Server{Deps: d, limits: newLoginLimits(), logins: make(chan struct{}, 2), asking: make(chan struct{}, 16)}
	if s.Ready == nil {
		s.Ready = func(ctx context.Context) []string { return reasons(s.Store.Health(ctx)) }
	}
	s.hub = newHub(s)
	s.routes = newRouter(routeTable)
	s.description = sync.OnceValues(func() ([]byte, error) { return describeAPI(routeTable) })
	return s
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Run reads the outbox for the event streams until ctx ends; then it ends the
// streams that are open. It returns nil.
func (s *Server) Run(ctx context.Context) error {
	s.hub.run(ctx)
	return nil
}
