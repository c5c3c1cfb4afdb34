// Package local runs commands and scripts on the server itself: the runners
// local-shell-cmd and local-shell-script.
//
// A job becomes one command line. It runs in a session of its own; what it
// prints goes to the Output while it runs and, bounded, into the result, which
// has st2's shape: stdout, stderr, return_code, succeeded, failed. Text that is
// a JSON document is put into the result as that document.
//
// Which shell: the original runs every command with "sudo -u stanley -- bash
// -c", so packs are written for bash and get bash here, with or without sudo.
// bash is also the slowest part of a short command, so two cases skip it where
// it would do no more than exec: a command of plain words (see plain), and a
// script, whose arguments then need no quoting at all.
//
// When the context ends, the whole process tree ends: TERM, a grace period,
// KILL (see tree). The package never keeps a process it started beyond that.
package local
