package process

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Command is a program to start, with its arguments (argv[0] included) and
// environment.
type Command struct {
	Path string
	Argv []string
	Env  []string
}

// Start starts a command in dir with fresh pipes for its output, and returns
// their reading ends. When the command cannot be started and shell is not nil,
// that one is.
//
// The process has a session of its own (st2): no terminal, and a signal to the
// group reaches all that did not leave it. It goes with the process that started
// it: nobody else would learn how it ends, and a repeatable action could run
// twice at once. The kernel kills it when the starting thread ends; Go keeps its
// threads. That reaches only this process, and none that sudo started.
func Start(c Command, shell *Command, dir string, stdin *os.File) (p *os.Process, stdout, stderr *os.File, err error) {
	stdout, outW, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	stderr, errW, err := os.Pipe()
	if err != nil {
		_, _ = stdout.Close(), outW.Close()
		return nil, nil, nil, err
	}
	attr := &os.ProcAttr{
		Dir: dir, Env: c.Env, Files: []*os.File{stdin, outW, errW},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	p, err = os.StartProcess(c.Path, c.Argv, attr)
	if err != nil && shell != nil {
		attr.Env = shell.Env
		p, err = os.StartProcess(shell.Path, shell.Argv, attr)
	}
	_, _ = outW.Close(), errW.Close()
	if err != nil {
		_, _ = stdout.Close(), stderr.Close()
		return nil, nil, nil, err
	}
	return p, stdout, stderr, nil
}

// Elevated returns how to signal processes that sudo started for another user:
// with sudo again (st2: sudo pkill), with a password unless it is empty.
func Elevated(sudo, password string) func(unix.Signal, []int) {
	return func(sig unix.Signal, pids []int) {
		args := []string{"-n"} // never ask: nobody is there to answer
		if password != "" {
			args = []string{"-S"}
		}
		args = append(args, "--", "kill", "-"+strconv.Itoa(int(sig)))
		for _, pid := range pids {
			args = append(args, strconv.Itoa(pid))
		}
		// The run's own context is over; this is its cleaning up.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		kill := exec.CommandContext(ctx, sudo, args...)
		kill.Stdin = strings.NewReader(password + "\n")
		_ = kill.Run() // who survives is seen by the next look at the tree
	}
}
