// Package process holds what runners of processes on this machine share: ending
// a whole process tree, and collecting what a process prints. It starts nothing.
package process
