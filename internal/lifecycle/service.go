package lifecycle

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"squall/internal/auth"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/workflow"
	"squall/internal/workflow/chain"
)

// Service moves executions from state to state. It may be used by several
// goroutines at once.
type Service struct {
	st     store.Store
	cat    Catalog
	ids    *squall.IDSource
	tracer trace.Tracer
	log    *slog.Logger
	ring   *auth.Keyring
	flow   Workflows
	flows  *flows
	local  atomic.Pointer[Local]

	runnerStates runnerStates

	policies policies

	// versions keeps actions by version. A version never changes, so an entry
	// is never wrong; the map is dropped when it has grown too big.
	mu       sync.Mutex
	versions map[string]*Definition
	// present holds for each action the form last seen as its present one.
	present map[squall.Ref]*Definition
}

// Catalog knows the runner types.
type Catalog interface {
	RunnerType(name string) (*squall.RunnerType, bool)
}

// Options are what a Service needs beside its database. Zero fields get defaults.
type Options struct {
	IDs    *squall.IDSource
	Tracer trace.Tracer
	Log    *slog.Logger
	// Keyring seals secret parameters; without one, they can be read by this
	// process only.
	Keyring *auth.Keyring
	// Workflows says how workflows run; without Exprs none do.
	Workflows Workflows
}

// Local is a scheduler in the same process. When it has a free slot, a request
// is stored as already running on it, and starts without a second transaction.
type Local interface {
	// Reserve takes a slot for an execution of that runner, without blocking. It
	// answers false when there is none, and also when others wait that came first.
	Reserve(runner string) (Slot, bool)
}

// Slot is the right to run one execution. Exactly one of Start and Release is
// called, once.
type Slot interface {
	// Owner is who the execution must belong to.
	Owner() store.Owner
	// Start runs the execution, which is committed, and returns at once.
	Start(ex *squall.Execution)
	// Release gives the slot back: it was not needed.
	Release()
}

// New returns a service on st.
func New(st store.Store, cat Catalog, opts Options) *Service {
	s := &Service{st: st, cat: cat, ids: opts.IDs, tracer: opts.Tracer, log: opts.Log, ring: opts.Keyring,
		flow: opts.Workflows, flows: newFlows(), versions: map[string]*Definition{}, present: map[squall.Ref]*Definition{}}
	if s.flow.Window <= 0 {
		s.flow.Window = workflowWindow
	}
	if s.ids == nil {
		s.ids = squall.NewIDSource()
	}
	if s.ring == nil {
		s.ring = auth.NewKeyring(time.Now())
	}
	if s.tracer == nil {
		s.tracer = noop.NewTracerProvider().Tracer("squall")
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// SetLocal makes l the scheduler of this process; nil takes it away.
func (s *Service) SetLocal(l Local) {
	if l == nil {
		s.local.Store(nil)
		return
	}
	s.local.Store(&l)
}

// Definition is an action as it was under one version, with its runner type
// and its compiled parameters. It is shared and never changes.
type Definition struct {
	Version string
	Action  *squall.Action
	Runner  *squall.RunnerType // nil when this program does not know the type
	Form    *param.Form

	// Of a workflow: its definition, loaded at the first use.
	flowOnce  sync.Once
	flowSpec  *workflow.Spec
	chainSpec *chain.Spec
	flowFault *flowFault
}

const maxDefinitions = 4096

// Definition returns the action of that version. Error kind: NotFound.
func (s *Service) Definition(ctx context.Context, version string) (def *Definition, err error) {
	if def := s.known(version); def != nil {
		return def, nil
	}
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		def, err = s.definition(ctx, tx, version)
		return err
	})
	return def, err
}

// definition is Definition inside a transaction.
func (s *Service) definition(ctx context.Context, tx store.Tx, version string) (*Definition, error) {
	if def := s.known(version); def != nil {
		return def, nil
	}
	a, err := tx.ActionVersion(ctx, version)
	if err != nil {
		return nil, err
	}
	return s.define(version, a), nil
}

func (s *Service) known(version string) *Definition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versions[version]
}

// newest returns the form of an action last seen as its present one; nil for none.
func (s *Service) newest(ref squall.Ref) *Definition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.present[ref]
}

func (s *Service) forget(ref squall.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.present, ref)
}

func (s *Service) remember(ref squall.Ref, def *Definition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.present) >= maxDefinitions {
		clear(s.present)
	}
	s.present[ref] = def
}

func (s *Service) define(version string, a *squall.Action) *Definition {
	if def := s.known(version); def != nil {
		return def
	}
	rt, _ := s.cat.RunnerType(a.Runner)
	def := &Definition{Version: version, Action: a, Runner: rt, Form: param.Of(rt, a)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.versions) >= maxDefinitions {
		clear(s.versions)
	}
	s.versions[version] = def
	return def
}
