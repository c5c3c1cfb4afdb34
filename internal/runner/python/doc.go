// Package python runs actions written in Python: the runner python-script.
//
// A job becomes a document in a memory file; a Python process reads it, runs the
// action and writes the outcome back into the file. What the action prints goes
// to the Output while it runs and, bounded, into the result, which has st2's
// shape: result, stdout, stderr, exit_code. What happens inside the process is
// written in Python (package squall/python, squall_runner/action.py).
//
// Warm: one fork server per Python environment, with the common imports loaded,
// forks a process for each action (see forkServer). Each leads a session of its
// own, runs one action and ends; nothing is used twice. Cold: a Python of its own
// for the action, where forking is switched off or does not work. The reason is
// logged.
//
// When the context ends the whole process tree ends, as with local commands. No
// process outlives the server: the kernel kills them with it.
package python
