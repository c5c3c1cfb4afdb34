package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// checkAccess looks at the files that say who may come in.
func checkAccess(ctx context.Context, c *Config) []Finding {
	var list []Finding
	if c.Access.TLSCert != "" {
		list = append(list, checkCertificate(c.Access.TLSCert, c.Access.TLSKey, time.Now()), checkPrivate("tls key", c.Access.TLSKey))
	}
	if c.Access.Htpasswd != "" {
		f := Finding{Check: "users", Verdict: OK}
		users, err := readHtpasswd(c.Access.Htpasswd)
		if err != nil {
			f.Verdict, f.Detail, f.Fix = Fail, err.Error(), "correct the file; the server does not start with it"
		} else {
			f.Detail = fmt.Sprintf("%d users in %s", len(users), c.Access.Htpasswd)
		}
		list = append(list, f, checkPrivate("users", c.Access.Htpasswd))
	}
	if c.Access.RBAC {
		f := Finding{Check: "roles", Verdict: OK}
		p, err := readPolicy(c.RBACPath())
		switch {
		case err != nil:
			f.Verdict, f.Detail, f.Fix = Fail, err.Error(), "correct the files; the server does not start with them"
		case len(p.Assignments) == 0:
			f.Verdict, f.Detail = Warn, "nobody has a role in "+c.RBACPath()+": only administrators may do anything"
			f.Fix = "write assignments/NAME.yaml with username and roles (docs/access.md)"
		default:
			f.Detail = fmt.Sprintf("%d roles, %d assignments in %s", len(p.Roles), len(p.Assignments), c.RBACPath())
		}
		list = append(list, f)
	}
	list = append(list, checkSources(ctx, c)...)
	out := list[:0]
	for _, f := range list {
		if f.Check != "" {
			out = append(out, f)
		}
	}
	return out
}

func isHTTPS(address string) bool { return strings.HasPrefix(address, "https://") }

// onLoopback reports whether nobody but this machine reaches the address.
func onLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	addr, perr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || perr == nil && addr.IsLoopback())
}

// certificateWarning is how long before its end a certificate is complained of.
const certificateWarning = 30 * 24 * time.Hour

func checkCertificate(cert, key string, now time.Time) Finding {
	f := Finding{Check: "certificate", Verdict: OK}
	const fix = "put a new certificate in place; a running server takes it within seconds"
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		f.Verdict, f.Detail, f.Fix = Fail, err.Error(), "server.tls_cert and server.tls_key must name PEM files that belong together"
		return f
	}
	leaf := pair.Leaf
	if leaf == nil {
		if leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			f.Verdict, f.Detail, f.Fix = Fail, err.Error(), fix
			return f
		}
	}
	days := int(leaf.NotAfter.Sub(now).Hours() / 24)
	f.Detail = fmt.Sprintf("%s ends on %s, in %d days", cert, leaf.NotAfter.Format(time.DateOnly), days)
	switch {
	case now.After(leaf.NotAfter):
		f.Verdict, f.Detail, f.Fix = Fail, fmt.Sprintf("%s ended on %s", cert, leaf.NotAfter.Format(time.DateOnly)), fix
	case now.Before(leaf.NotBefore):
		f.Verdict, f.Detail, f.Fix = Fail, cert+" begins on "+leaf.NotBefore.Format(time.DateOnly), "look at the clock"
	case leaf.NotAfter.Sub(now) < certificateWarning:
		f.Verdict, f.Fix = Warn, fix
	}
	return f
}

// checkPrivate complains of a file with secrets that everybody can read; the
// zero Finding when there is nothing to say.
func checkPrivate(check, path string) Finding {
	info, err := os.Stat(path)
	if path == "" || err != nil || info.Mode().Perm()&0o007 == 0 {
		return Finding{} // that it cannot be read is said elsewhere
	}
	return Finding{Check: check, Verdict: Warn, Detail: path + " can be read by everybody, mode " + strconv.FormatUint(uint64(info.Mode().Perm()), 8), Fix: "chmod o= " + path}
}

// probeClient asks our own server whether it is ready. Nothing is sent that
// anybody could want, so it takes every certificate: a self-signed one, or one
// for another name than the address we happen to call, is no reason to say that
// the server does not run.
func probeClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		DisableKeepAlives: true,
	}}
}
