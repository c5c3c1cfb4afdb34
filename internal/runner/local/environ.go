package local

import (
	"os"
	"slices"
	"strings"
)

// inherited is what commands get of the server's own environment: all but the
// server's SQUALL_ variables, which hold its settings and may hold secrets.
func inherited(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		return strings.HasPrefix(entry, "SQUALL_")
	})
}

// environment joins the inherited variables, those of the action and those of
// the job; later ones win, so no action can pretend to be another execution
// (st2: ST2_ variables win over "env"). Every name is there once: getenv takes
// the first of several and bash the last.
func environment(base []string, action, job map[string]string) []string {
	env := make([]string, 0, len(base)+len(action)+len(job)+3)
	for _, entry := range base {
		name, _, _ := strings.Cut(entry, "=")
		if _, ok := action[name]; ok {
			continue
		}
		if _, ok := job[name]; ok {
			continue
		}
		env = append(env, entry)
	}
	for name, value := range action {
		if _, ok := job[name]; !ok {
			env = append(env, name+"="+value)
		}
	}
	for name, value := range job {
		env = append(env, name+"="+value)
	}
	return env
}

// lookup returns the value of name in env.
func lookup(env []string, name string) (string, bool) {
	for _, entry := range env {
		if len(entry) > len(name) && entry[len(name)] == '=' && entry[:len(name)] == name {
			return entry[len(name)+1:], true
		}
	}
	return "", false
}

// asFromShell sets what bash sets before it execs its last command, for
// programs that are started without it: PWD, SHLVL and _.
func asFromShell(env []string, path, dir string) []string {
	level := "0"
	env = slices.DeleteFunc(env, func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case "SHLVL":
			// One up for the shell, one down for exec; a strange value counts as none.
			if value != "" && strings.Trim(value, "0123456789") == "" && len(value) < 4 {
				level = value
			}
			return true
		case "PWD":
			// bash keeps a PWD that names the directory, also through a link.
			if dir == "" || !sameDir(value, dir) {
				return true
			}
			dir = ""
			return false
		case "_":
			return true
		}
		return false
	})
	if dir != "" {
		env = append(env, "PWD="+dir)
	}
	return append(env, "SHLVL="+level, "_="+path)
}

func sameDir(a, b string) bool {
	if a == b {
		return true
	}
	if !strings.HasPrefix(a, "/") {
		return false
	}
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}
