// Package login is the contract of outside sources of users: directories,
// identity providers, programs. Drivers lie below it: ldap, oidc, saml, pam.
//
// In flow names and passwords, or what a browser brings back from a provider;
// out flows an Identity, which is nothing but a name and groups. What an
// identity may do is decided by package auth, and sessions are the API's: a
// source is asked when somebody logs in and not again.
//
// A source never stores anything, and nothing secret is in its errors.
package login

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"squall/internal/squall"
)

// Identity is whom a source vouches for.
type Identity struct {
	User   string
	Groups []string // as the source calls them, sorted, each once
}

// NewIdentity makes an identity of what a source said. The error is of kind
// Unauthentic when the name cannot be one.
func NewIdentity(user string, groups []string) (Identity, error) {
	if !ValidName(user) {
		return Identity{}, squall.Errorf(squall.Unauthentic, "the name of the user cannot be used here")
	}
	groups = slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return g == "" })
	slices.Sort(groups)
	return Identity{User: user, Groups: slices.Compact(groups)}, nil
}

// maxName bounds the name of a user, in bytes.
const maxName = 255

// ValidName reports whether a user may be called name: no control characters,
// and none that separate names where names are listed.
func ValidName(name string) bool {
	return name != "" && len(name) <= maxName && strings.TrimSpace(name) == name &&
		!strings.ContainsFunc(name, unicode.IsControl) && !strings.ContainsAny(name, ":,")
}

// Member reports whether groups holds one of those required; without any
// required everybody is a member.
func Member(groups, required []string) bool {
	return len(required) == 0 || slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(required, g) })
}

// Errors that every source uses. They do not tell a stranger more than that the
// login is refused; why is in the text, for the log.
var (
	// ErrPassword: the source knows the user, and the password is wrong.
	ErrPassword = squall.Errorf(squall.Unauthentic, "the password is wrong")
	// ErrGroup: everything is right, but the user is in none of the groups required.
	ErrGroup = squall.Errorf(squall.Unauthentic, "the user is in none of the groups that may log in")
	// ErrUnknown: the source has no such user; the next one is asked.
	ErrUnknown = squall.Errorf(squall.NotFound, "the user is not known")
)

// Passwords is a source that checks a name and a password. Its methods may be
// used by several goroutines at once.
type Passwords interface {
	// Name is what the audit log calls the source: "ldap".
	Name() string
	// Login says who the user is. Error kinds: NotFound when the source does not
	// know the name, so that the next source is asked; Unauthentic when it does
	// and the login is refused; Unavailable when the source cannot be asked.
	Login(ctx context.Context, user, password string) (Identity, error)
}

// SignOn is a provider that authenticates users in their browser. Its methods
// may be used by several goroutines at once.
type SignOn interface {
	// Name is what the audit log calls the provider: "oidc".
	Name() string
	// Begin returns where to send the browser. The provider sends it back with
	// state; keep is for Finish and must reach neither browser nor provider.
	Begin(ctx context.Context, state string) (url string, keep []byte, err error)
	// State returns the state that came back with a browser, "" when there is none.
	State(r *http.Request) string
	// Finish checks what the browser brought back. It is called once for what
	// Begin returned. Error kinds: Unauthentic, Unavailable.
	Finish(ctx context.Context, keep []byte, r *http.Request) (Identity, error)
}

// DeviceCode is what a user without a browser at hand types in elsewhere.
type DeviceCode struct {
	UserCode string
	URL      string        // where the code is typed in
	FullURL  string        // the same with the code in it; "" when the provider has none
	Expires  time.Time     // the code's end
	Interval time.Duration // between two calls of FinishDevice, at least
}

// Devices is a SignOn that can also do without a browser on this machine (RFC 8628).
type Devices interface {
	// BeginDevice asks the provider for a code. keep is for FinishDevice.
	BeginDevice(ctx context.Context) (code DeviceCode, keep []byte, err error)
	// FinishDevice reports whether the user has typed the code in; until then
	// done is false. Error kinds: Unauthentic, Unavailable.
	FinishDevice(ctx context.Context, keep []byte) (id Identity, done bool, err error)
}

// Bearers is a source whose own tokens are credentials for the API.
type Bearers interface {
	// Name is what the audit log calls the source: "jwt".
	Name() string
	// Bearer checks a token and says until when it holds. Error kinds:
	// Unauthentic, Unavailable.
	Bearer(ctx context.Context, token string) (Identity, time.Time, error)
}
