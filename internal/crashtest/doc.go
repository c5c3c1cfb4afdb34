// Package crashtest kills real servers while they work and looks at what is
// left. It has tests only: they build cmd/squall, put a mixed load on one node
// or several, send SIGKILL and SIGSTOP at random moments, and then read every
// row: whatever was acknowledged is there and has reached exactly one final
// state, and no attempt was started twice.
//
// The short form is part of the ordinary tests; the long one (make crash, which
// sets SQUALL_CRASH_LONG, or -crash.long) kills more often under more load.
// -crash.seed repeats the choices of a run.
package crashtest
