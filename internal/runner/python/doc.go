// Package python runs actions written in Python: the runner python-script.
//
// A job becomes a document in a memory file; a Python process reads it, runs the
// action and writes the outcome back into the file. What the action prints goes
// to the Output while it runs and, bounded, into the result, which has st2's
// shape: result, stdout, stderr, exit_code. What happens inside the process is
// written in Python (package squall/python, squall_runner/action.py).
//
// Processes come from package warm: forked from a Python that has the common
// imports loaded, or cold. They belong to a keeper (package keep), so that they
// outlive the server, or else to this process, and end with it. When the context
// ends the whole process tree ends, as with local commands.
package python
