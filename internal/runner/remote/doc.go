// Package remote runs commands and scripts on other machines: the runners
// remote-shell-cmd and remote-shell-script, over internal/runner/ssh.
//
// A job names hosts; all of them are worked on at once, bounded, each with its
// own time. What a host prints goes to the Output while it runs, with the host's
// name before each line when there are several. The result is st2's: an object
// with an entry for each host, which holds stdout, stderr, return_code, succeeded
// and failed; a host that could not be reached has an error in its entry and
// keeps nobody else waiting.
//
// A detached job's commands go on when a connection is lost or this process ends.
// What is known of them is in a journal on disk, of which a later process builds
// up where this one was: what came from which host, in the order it was passed on,
// so that nothing is told twice. The hosts see to it that nothing begins twice.
//
// The package decides nothing about connections, and keeps nothing between other jobs.
package remote
