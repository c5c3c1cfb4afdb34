package squall_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// module is the import path in front of every package of ours.
const module = "squall/"

// mayImport is the architecture: for every package, the packages of ours it may
// import in code that is not a test. A pattern ending in "/..." stands for a
// package and all below it. docs/architecture.md explains the table; an import
// that is missing here is a decision to be made, not a line to be added in passing.
var mayImport = map[string][]string{
	// Nouns.
	"internal/squall": {},

	// Decisions: values in, values out.
	"internal/expr/value":       {},
	"internal/expr/pyre":        {"internal/expr/value"},
	"internal/expr/pyyaml":      {"internal/expr/value"},
	"internal/expr/jsonpath":    {"internal/expr/value"},
	"internal/expr/textwrap":    {},
	"internal/expr/stfn":        {"internal/expr", "internal/expr/value", "internal/expr/pyre", "internal/expr/pyyaml", "internal/expr/jsonpath"},
	"internal/expr":             {"internal/expr/value"},
	"internal/expr/yaql":        {"internal/expr", "internal/expr/value", "internal/expr/pyre", "internal/expr/stfn"},
	"internal/expr/jinja":       {"internal/expr", "internal/expr/value", "internal/expr/pyre", "internal/expr/stfn", "internal/expr/textwrap"},
	"internal/param":            {"internal/squall", "internal/expr", "internal/expr/value", "internal/expr/jinja", "internal/expr/stfn"},
	"internal/pack":             {"internal/squall", "internal/param", "internal/expr/value", "internal/expr/pyyaml"},
	"internal/auth":             {"internal/squall", "internal/expr/value", "internal/expr/pyyaml"},
	"internal/rule":             {"internal/squall", "internal/expr", "internal/expr/value", "internal/expr/pyre", "internal/expr/jsonpath", "internal/expr/stfn", "internal/expr/yaql"},
	"internal/alias":            {"internal/squall", "internal/expr", "internal/expr/value", "internal/expr/pyre", "internal/param"},
	"internal/workflow":         {"internal/squall", "internal/expr", "internal/expr/value", "internal/expr/pyre", "internal/expr/pyyaml"},
	"internal/workflow/mistral": {"internal/workflow", "internal/workflow/chain", "internal/expr"},
	"internal/workflow/chain":   {"internal/squall", "internal/workflow", "internal/param", "internal/expr", "internal/expr/value", "internal/expr/jinja", "internal/expr/pyyaml"},
	"internal/timer":            {},
	"internal/fleet":            {"internal/squall", "internal/timer"},
	"internal/cronfile":         {"internal/timer"},
	"internal/policy":           {"internal/squall"},

	// Contracts.
	"internal/store":  {"internal/squall"},
	"internal/runner": {"internal/squall", "internal/expr/value"},

	// Movers.
	"internal/lifecycle":     {"internal/squall", "internal/policy", "internal/expr", "internal/expr/value", "internal/workflow", "internal/workflow/...", "internal/param", "internal/auth", "internal/store"},
	"internal/reactor":       {"internal/squall", "internal/expr", "internal/expr/value", "internal/param", "internal/rule", "internal/timer", "internal/store", "internal/lifecycle"},
	"internal/notify":        {"internal/squall", "internal/expr", "internal/expr/value", "internal/param", "internal/auth", "internal/store", "internal/lifecycle"},
	"internal/content":       {"internal/squall", "internal/pack", "internal/store"},
	"internal/reseal":        {"internal/squall", "internal/auth", "internal/store"},
	"internal/sensor":        {"internal/squall", "internal/auth", "internal/store"},
	"internal/sensor/native": {"internal/squall", "internal/sensor"},
	"internal/rollout":       {"internal/squall", "internal/fleet", "internal/timer", "internal/store", "internal/lifecycle", "internal/runner"},
	"internal/scheduler":     {"internal/squall", "internal/param", "internal/store", "internal/lifecycle", "internal/runner"},

	// Rim.
	"internal/store/driver":    {"internal/squall", "internal/store"},
	"internal/store/portable":  {"internal/squall", "internal/store", "internal/store/driver"},
	"internal/store/sqlite":    {"internal/squall", "internal/store", "internal/store/driver", "internal/store/portable"},
	"internal/store/postgres":  {"internal/squall", "internal/store", "internal/store/driver", "internal/store/portable"},
	"internal/pyenv":           {"internal/squall"},
	"internal/runner/std":      {"internal/squall", "internal/runner"},
	"internal/runner/noop":     {"internal/squall", "internal/runner"},
	"internal/runner/python":   {"internal/squall", "internal/runner", "internal/runner/process", "internal/runner/keep", "internal/runner/warm"},
	"internal/runner/warm":     {"internal/runner/process"},
	"internal/runner/process":  {},
	"internal/runner/local":    {"internal/squall", "internal/runner", "internal/runner/process", "internal/runner/keep"},
	"internal/runner/http":     {"internal/squall", "internal/runner"},
	"internal/runner/winrm":    {"internal/squall", "internal/runner"},
	"internal/runner/keep":     {"internal/runner", "internal/runner/process", "internal/runner/warm"},
	"internal/runner/ssh":      {"internal/runner"},
	"internal/runner/remote":   {"internal/squall", "internal/runner", "internal/runner/ssh"},
	"internal/runner/inquiry":  {"internal/squall", "internal/runner"},
	"internal/runner/announce": {"internal/squall", "internal/runner"},
	"internal/runner/types":    {"internal/squall"},
	"internal/secret":          {"internal/squall"},
	"internal/login":           {"internal/squall"},
	"internal/login/ldap":      {"internal/squall", "internal/login"},
	"internal/login/oidc":      {"internal/squall", "internal/login"},
	"internal/login/saml":      {"internal/squall", "internal/login"},
	"internal/login/pam":       {"internal/squall", "internal/login"},
	"internal/api/wire":        {"internal/squall"},
	"internal/api":             {"internal/rollout", "internal/squall", "internal/api/wire", "internal/auth", "internal/param", "internal/store", "internal/lifecycle", "internal/content", "internal/alias", "internal/timer", "internal/fleet", "internal/expr", "internal/expr/...", "internal/login", "internal/reactor"},
	"internal/client":          {"internal/squall", "internal/api/wire"},
	"internal/argparse":        {"internal/expr/value", "internal/expr/textwrap"},
	"internal/st2cli":          {"internal/squall", "internal/argparse", "internal/client", "internal/api/wire", "internal/expr/value", "internal/expr/pyyaml", "internal/expr/jsonpath", "internal/expr/textwrap"},
	"internal/cli":             {"internal/fleet", "internal/squall", "internal/argparse", "internal/st2cli", "internal/auth", "internal/client", "internal/api/wire", "internal/expr", "internal/expr/...", "internal/workflow", "internal/workflow/mistral", "internal/timer", "internal/cronfile"},
	"internal/app":             {"internal/...", "packs", "python"},
	"packs":                    {},
	"python":                   {},
	"cmd/squall":               {"internal/app", "internal/cli"},

	// Test support: never part of the binary.
	"internal/store/storetest":             {"internal/squall", "internal/store"},
	"internal/pgtest":                      {},
	"internal/sshtest":                     {},
	"internal/squalltest":                  {"internal/client"},
	"internal/logintest":                   {},
	"internal/crashtest":                   {"internal/..."},
	"internal/backuptest":                  {"internal/sshtest", "internal/squalltest"},
	"internal/benchmark":                   {"internal/pgtest", "internal/sshtest"},
	"internal/demo":                        {"internal/client"},
	"internal/docs":                        {"internal/squall", "internal/api", "internal/app", "internal/cli", "internal/runner/types"},
	"internal/conformance":                 {"internal/..."},
	"internal/conformance/cmd/conformance": {"internal/conformance"},
}

// pure packages take values and give values. What they must not import, and why.
var (
	purePackages = []string{
		"internal/squall", "internal/expr/...", "internal/param", "internal/pack", "internal/auth", "internal/workflow/...", "internal/rule", "internal/alias", "internal/timer", "internal/policy", "internal/cronfile",
	}
	impure = map[string]string{
		"os":           "input and output belong to the rim",
		"os/exec":      "processes belong to runners",
		"net":          "the network belongs to the rim",
		"net/http":     "the network belongs to the rim",
		"database/sql": "SQL belongs to internal/store/*",
		"log/slog":     "a decision returns what it found; the caller logs",
	}
)

type listedPackage struct {
	ImportPath string
	Imports    []string
}

func TestImportsFollowTheArchitecture(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if name == "squall" { // the module's root holds only this test
			continue
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s is not in the table of arch_test.go: say what it may import, and describe it in docs/architecture.md", name)
			continue
		}
		for _, imp := range p.Imports {
			own, ok := strings.CutPrefix(imp, module)
			if ok && !matches(allowed, own) {
				t.Errorf("%s imports %s: the table allows only %v", name, own, allowed)
			}
			if why, bad := impure[imp]; bad && matches(purePackages, name) {
				t.Errorf("%s is pure and imports %s: %s", name, imp, why)
			}
		}
	}
}

func TestEveryPackageOfTheTableExists(t *testing.T) {
	var have []string
	for _, p := range listPackages(t) {
		have = append(have, strings.TrimPrefix(p.ImportPath, module))
	}
	for name := range mayImport {
		if !slices.Contains(have, name) {
			t.Errorf("the table names %s, which does not exist", name)
		}
	}
}

// TestOnlyDriversContainSQL keeps database packages out of everything else.
func TestOnlyDriversContainSQL(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if matches([]string{"internal/store/sqlite", "internal/store/postgres", "internal/store/driver", "internal/pgtest", "internal/crashtest", "internal/benchmark"}, name) {
			continue
		}
		for _, imp := range p.Imports {
			if imp == "database/sql" || strings.HasPrefix(imp, "github.com/jackc/pgx") || strings.HasPrefix(imp, "modernc.org/sqlite") {
				t.Errorf("%s imports %s: only internal/store/sqlite and internal/store/postgres talk to databases", name, imp)
			}
		}
	}
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if tree, ok := strings.CutSuffix(p, "/..."); ok {
			return name == tree || strings.HasPrefix(name, tree+"/")
		}
		return p == name
	})
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var list []listedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}
