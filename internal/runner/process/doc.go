// Package process holds what runners of processes on this machine share:
// starting a process in a session of its own, ending a whole process tree, and
// collecting what a process prints.
package process
