package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Verdict is the result of one check of Doctor.
type Verdict string

// The verdicts.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn" // works, with something missing or soon wrong
	Fail Verdict = "fail" // the server will not work
)

// Finding is what Doctor says about one thing.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail"`
	Fix     string  `json:"fix,omitempty"` // what to do; empty when nothing is wrong
}

// Doctor looks at everything a server with this configuration needs and says
// what is wrong and what to do. It changes nothing.
func Doctor(ctx context.Context, c *Config) []Finding {
	running := serverAnswers(ctx, c)
	list := []Finding{
		checkDataDir(c.Server.Data),
		checkDisk(c.Server.Data),
		checkPort(c, running),
		checkStore(ctx, c, running),
		checkClock(),
		checkOpenFiles(),
	}
	list = append(list, checkAccess(ctx, c)...)
	for _, dir := range c.Packs.Dirs {
		list = append(list, checkPackDir(dir))
	}
	return append(list,
		checkPython(ctx, c.Python.Path),
		checkProgram(ctx, "ssh", []string{"-V"}, "remote actions do not need it, but `ssh HOST` is how people try a key or a host by hand: apt-get install openssh-client"),
		checkProgram(ctx, "sudo", []string{"-V"}, "actions with sudo fail without it: apt-get install sudo"),
		checkProgram(ctx, "git", []string{"--version"}, "`squall pack install` from git uses a slower built-in client without it: apt-get install git"),
	)
}

// serverAnswers reports whether a Squall server is ready at the configured address.
func serverAnswers(ctx context.Context, c *Config) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.PublicURL()+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := probeClient().Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func checkDataDir(dir string) Finding {
	f := Finding{Check: "data directory", Verdict: OK}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := dir
		for parent != filepath.Dir(parent) {
			if _, err := os.Stat(parent); err == nil {
				break
			}
			parent = filepath.Dir(parent)
		}
		if unix.Access(parent, unix.W_OK) != nil {
			f.Verdict, f.Detail = Fail, dir+" does not exist and cannot be made"
			f.Fix = fmt.Sprintf("mkdir -p %s && chown $(id -un) %s, or set server.data to another directory", dir, dir)
			return f
		}
		f.Detail = dir + " does not exist yet; the first start makes it"
	case err != nil:
		f.Verdict, f.Detail, f.Fix = Fail, err.Error(), "let this user reach the directory, or set server.data to another one"
	case !info.IsDir():
		f.Verdict, f.Detail, f.Fix = Fail, dir+" is not a directory", "set server.data to a directory"
	case unix.Access(dir, unix.W_OK|unix.X_OK) != nil:
		f.Verdict, f.Detail = Fail, dir+" is not writable for user "+strconv.Itoa(os.Geteuid())
		f.Fix = "chown -R $(id -un) " + dir
	case info.Mode().Perm()&0o077 != 0:
		f.Verdict, f.Detail = Warn, fmt.Sprintf("%s has mode %#o: other users can look inside", dir, info.Mode().Perm())
		f.Fix = "chmod 700 " + dir
	default:
		f.Detail = dir
	}
	return f
}

func checkDisk(dir string) Finding {
	f := Finding{Check: "disk", Verdict: OK}
	var st unix.Statfs_t
	for unix.Statfs(dir, &st) != nil {
		up := filepath.Dir(dir)
		if up == dir {
			return Finding{Check: "disk", Verdict: Warn, Detail: "free space is unknown", Fix: "look with df -h"}
		}
		dir = up
	}
	free := int64(st.Bavail) * st.Bsize
	f.Detail = fmt.Sprintf("%.1f GiB free below %s", float64(free)/(1<<30), dir)
	switch {
	case free < 100<<20:
		f.Verdict, f.Fix = Fail, "make room: the server refuses new work when it cannot write"
	case free < 1<<30:
		f.Verdict, f.Fix = Warn, "make room soon, or shorten retention.executions"
	}
	return f
}

func checkPort(c *Config, running bool) Finding {
	f := Finding{Check: "listen address", Verdict: OK, Detail: c.Server.Listen}
	if running {
		f.Detail += ": a Squall server answers there"
		return f
	}
	l, err := net.Listen("tcp", c.Server.Listen)
	if err != nil {
		f.Verdict, f.Detail = Fail, err.Error()
		f.Fix = "stop what listens there (ss -ltnp), or set server.listen"
		return f
	}
	l.Close()
	switch {
	case onLoopback(c.Server.Listen):
	case c.Access.TLSCert != "":
		f.Detail += ", reachable from other machines over TLS"
	default:
		f.Verdict, f.Detail = Warn, c.Server.Listen+" is reachable from other machines, without TLS: passwords and tokens travel in clear"
		f.Fix = "set server.tls_cert and server.tls_key, or listen on 127.0.0.1 behind a proxy with TLS"
	}
	return f
}

func checkStore(ctx context.Context, c *Config, running bool) Finding {
	f := Finding{Check: "database", Verdict: OK}
	if running {
		f.Detail = "in use by the running server, which says it is ready"
		return f
	}
	if c.Database.URL == "" {
		if _, err := os.Stat(sqlitePath(c)); errors.Is(err, fs.ErrNotExist) {
			f.Detail = "embedded, not made yet; the first start makes it"
			return f
		}
	}
	st, err := openStore(ctx, c, nil, discardLog)
	if err != nil {
		f.Verdict, f.Detail = Fail, err.Error()
		f.Fix = "see docs/operation.md, \"The database does not open\""
		return f
	}
	defer st.Close()
	if err := st.Check(ctx); err != nil {
		f.Verdict, f.Detail, f.Fix = Fail, err.Error(), "stop the server, keep a copy of the data directory, restore the last backup"
		return f
	}
	f.Detail = "opens, and its integrity check passes"
	return f
}

// checkClock asks the kernel whether something keeps the clock right.
func checkClock() Finding {
	f := Finding{Check: "clock", Verdict: OK}
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	switch {
	case err != nil:
		f.Verdict, f.Detail, f.Fix = Warn, "the kernel does not say whether it is synchronised", "make sure that chrony or systemd-timesyncd runs on the host"
	case state == unix.TIME_ERROR || tx.Status&unix.STA_UNSYNC != 0:
		f.Verdict, f.Detail, f.Fix = Warn, "not synchronised: timers and the nodes of a cluster need a right clock", "apt-get install chrony"
	default:
		f.Detail = fmt.Sprintf("synchronised, largest error %d ms", tx.Maxerror/1000)
	}
	return f
}

func checkOpenFiles() Finding {
	f := Finding{Check: "open files", Verdict: OK}
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return Finding{Check: "open files", Verdict: Warn, Detail: err.Error(), Fix: "look with ulimit -n"}
	}
	f.Detail = fmt.Sprintf("%d allowed", lim.Max)
	if lim.Max < 4096 {
		f.Verdict, f.Fix = Warn, "ulimit -n 65536, or LimitNOFILE=65536 in the unit: each running action and each stream client needs a few"
	}
	return f
}

func checkPackDir(dir string) Finding {
	f := Finding{Check: "packs", Verdict: OK, Detail: dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		f.Verdict, f.Detail, f.Fix = Fail, err.Error(), "make the directory, or correct packs.dirs"
		return f
	}
	n := 0
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(dir, e.Name(), "pack.yaml")); err == nil {
			n++
		}
	}
	f.Detail = fmt.Sprintf("%s holds %d packs", dir, n)
	if n == 0 {
		f.Verdict, f.Fix = Warn, "a pack is a sub-directory with a pack.yaml in it"
	}
	return f
}

var pythonVersion = regexp.MustCompile(`Python (\d+)\.(\d+)`)

// checkPython looks for an interpreter that is new enough, and for what makes the
// environments of packs and what packs expect without listing it.
func checkPython(ctx context.Context, python string) Finding {
	const fix = "Python actions and sensors need Python 3.9 or newer: apt-get install python3 python3-pip, or set python.path"
	f := checkProgram(ctx, python, []string{"--version"}, fix)
	if f.Verdict != OK {
		return f
	}
	var missing []string
	for _, module := range []string{"pip", "requests", "yaml"} {
		if exec.CommandContext(ctx, python, "-c", "import "+module).Run() == nil {
			continue
		}
		if _, err := exec.LookPath("uv"); err == nil && module == "pip" {
			continue
		}
		missing = append(missing, module)
	}
	if len(missing) > 0 {
		f.Detail += ", without " + strings.Join(missing, ", ")
		f.Verdict, f.Fix = Warn, "packs with requirements need pip or uv, many packs requests and yaml: apt-get install python3-pip python3-requests python3-yaml"
	}
	if m := pythonVersion.FindStringSubmatch(f.Detail); m != nil {
		major, _ := strconv.Atoi(m[1])
		minor, _ := strconv.Atoi(m[2])
		if major < 3 || major == 3 && minor < 9 {
			f.Verdict, f.Fix = Warn, fix
		}
	}
	return f
}

func checkProgram(ctx context.Context, name string, versionArgs []string, fix string) Finding {
	path, err := exec.LookPath(name)
	if err != nil {
		return Finding{Check: name, Verdict: Warn, Detail: "not found", Fix: fix}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, versionArgs...).CombinedOutput()
	if err != nil {
		return Finding{Check: name, Verdict: Warn, Detail: fmt.Sprintf("%s does not run: %v", path, err), Fix: fix}
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return Finding{Check: name, Verdict: OK, Detail: version}
}
