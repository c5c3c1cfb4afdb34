// Package warm starts Python programs without waiting for Python to start.
//
// One fork server per Python environment, with the common imports loaded, forks a
// process for each program (see forkServer). Each leads a session of its own, runs
// once and ends; nothing is used twice. Where forking is switched off or does not
// work, the program gets a Python of its own: it is started cold, and the reason is
// told.
//
// A program finds its job in a memory file and writes its outcome into the same
// file. What it prints comes through two pipes. The package knows nothing of
// actions; what happens inside the process is written in Python (package
// squall/python, squall_runner). No process outlives the one that holds the Pool:
// the kernel kills them with it.
package warm
