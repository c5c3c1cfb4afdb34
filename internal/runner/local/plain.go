package local

import (
	"os"
	"strings"
)

// plain splits a command line that needs no shell: words of letters, digits
// and a few marks that mean nothing to bash, the first of them no builtin or
// keyword. For such a line bash only looks the program up and execs it; doing
// that ourselves saves bash's start, which costs more than /bin/true does.
// Whatever might mean more is left to bash.
func plain(cmd string) ([]string, bool) {
	for i := range len(cmd) {
		switch c := cmd[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte(" \t_-./:,+@%=", c) >= 0:
		default:
			return nil, false
		}
	}
	words := strings.FieldsFunc(cmd, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) == 0 || ofShell[words[0]] || strings.ContainsAny(words[0], "=%+@") {
		return nil, false // "A=1" is an assignment, "%1" a job
	}
	return words, true
}

// ofShell are the words bash does not look up in PATH. "true" and "false" are
// builtins too, but the programs of that name do the same.
var ofShell = func() map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(`
		. : [ alias bg bind break builtin caller cd command compgen complete compopt
		continue declare dirs disown echo enable eval exec exit export fc fg getopts
		hash help history jobs kill let local logout mapfile popd printf pushd pwd read
		readarray readonly return set shift shopt source suspend test times trap type
		typeset ulimit umask unalias unset wait
		case coproc do done elif else esac fi for function if in select then time until while`) {
		set[word] = true
	}
	return set
}()

// shellChanges reports whether the environment makes bash do things of its own
// even for a plain command: a start-up file, exported functions, options.
func shellChanges(env []string) bool {
	for _, entry := range env {
		if strings.HasPrefix(entry, "BASH_ENV=") || strings.HasPrefix(entry, "BASH_FUNC_") ||
			strings.HasPrefix(entry, "SHELLOPTS=") || strings.HasPrefix(entry, "BASHOPTS=") ||
			strings.HasPrefix(entry, "POSIXLY_CORRECT=") || strings.HasPrefix(entry, "EXECIGNORE=") {
			return true
		}
	}
	return false
}

// find looks a program up as bash does. Only a clear answer counts: an
// executable regular file, found through absolute directories.
func find(name string, env []string) (string, bool) {
	if strings.Contains(name, "/") {
		return name, strings.HasPrefix(name, "/") && executable(name)
	}
	path, ok := lookup(env, "PATH")
	if !ok {
		return "", false
	}
	for dir := range strings.SplitSeq(path, ":") {
		if !strings.HasPrefix(dir, "/") {
			return "", false
		}
		if file := dir + "/" + name; executable(file) {
			return file, true
		}
	}
	return "", false
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
