package store

import (
	"context"
	"time"

	"squall/internal/squall"
)

// Catalog is the registered content. Deleting what is not there is no error.
type Catalog interface {
	PutPack(ctx context.Context, p *squall.Pack) error
	// Pack reads one. Error kind: NotFound.
	Pack(ctx context.Context, ref string) (*squall.Pack, error)
	Packs(ctx context.Context) ([]*squall.Pack, error)
	// DeletePack removes the pack, all its actions (their versions stay for the
	// executions that name them) and its content; see Contents.
	DeletePack(ctx context.Context, ref string) error

	// PutAction makes or replaces the action and stores its version.
	PutAction(ctx context.Context, a *squall.Action) error
	// RegisterAction is PutAction for an action that comes from a file: it notes
	// the form the file has, see Registered.
	RegisterAction(ctx context.Context, a *squall.Action) error
	// Action reads the present one. Error kind: NotFound.
	Action(ctx context.Context, ref squall.Ref) (*squall.Action, error)
	// CurrentVersion returns the version of the present action, which costs far
	// less than reading it. Error kind: NotFound.
	CurrentVersion(ctx context.Context, ref squall.Ref) (string, error)
	// ActionVersion reads the action as it was under that version, also after it
	// was changed or deleted. Error kind: NotFound.
	ActionVersion(ctx context.Context, version string) (*squall.Action, error)
	// FindActions lists actions by reference, ascending.
	FindActions(ctx context.Context, f ActionFilter) ([]*squall.Action, error)
	CountActions(ctx context.Context, f ActionFilter) (int, error)
	// ActionVersions returns the present version of every action of a pack.
	ActionVersions(ctx context.Context, pack string) (map[squall.Ref]Registered, error)
	DeleteAction(ctx context.Context, ref squall.Ref) error
}

// Registered says which form an action has, and which its file had when it was
// last registered ("" for an action that was made through the API). So a restart
// neither undoes what somebody changed nor removes what somebody made.
type Registered struct {
	Version string
	Source  string
}

// ActionFilter selects actions; zero fields do not restrict.
type ActionFilter struct {
	Pack   string
	Runner string
	Name   string
	Search string // part of reference or description, without regard to case
	After  string // keyset: references behind this one
	Offset int
	Limit  int // 0: no limit
}

// Accounts is who may come in. Deleting what is not there is no error.
type Accounts interface {
	PutUser(ctx context.Context, u *squall.User) error
	// User reads one. Error kind: NotFound.
	User(ctx context.Context, name string) (*squall.User, error)
	Users(ctx context.Context) ([]*squall.User, error)
	DeleteUser(ctx context.Context, name string) error

	PutToken(ctx context.Context, t *squall.Token) error
	// TokenByDigest reads a token, expired or not. Error kind: NotFound.
	TokenByDigest(ctx context.Context, digest string) (*squall.Token, error)
	DeleteToken(ctx context.Context, digest string) error
	// DeleteTokens removes tokens that expired before t, at most limit.
	DeleteTokens(ctx context.Context, expiredBefore time.Time, limit int) (int, error)
}
