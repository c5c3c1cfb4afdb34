package types

import "squall/internal/squall"

func remoteShellCmd() *squall.RunnerType {
	return &squall.RunnerType{
		Name: "remote-shell-cmd", Aliases: []string{"run-remote"},
		Description: "Runs a shell command on other machines, through SSH.",
		Parameters: remoteParameters(
			param("cmd", "string", "The command line, as typed into a shell."),
			param("dir", "string", "Of no use here: only scripts are copied.", immutable, byDefault(`"/tmp"`)),
		),
	}
}

func remoteShellScript() *squall.RunnerType {
	return &squall.RunnerType{
		Name: "remote-shell-script", Aliases: []string{"run-remote-script"},
		Description: "Runs a script of the pack on other machines, through SSH.",
		Parameters: remoteParameters(
			param("dir", "string", "Directory of the machine in which the script gets one of its own.", byDefault(`"/tmp"`)),
		),
	}
}

// remoteParameters are StackStorm's, except total_timeout and detach. Its "timeout" is for
// each machine; "parallel" cannot be set and means nothing: all machines are
// worked on at once, as many as the server is configured for.
func remoteParameters(own ...squall.Parameter) squall.Schema {
	return append(squall.Schema{
		param("bastion_host", "string", "Machine to go through, with the same user and log-in; one with a port as host:port.", optional),
		param("cwd", "string", "Directory to work in.", byDefault(`"/tmp"`)),
		param("detach", "boolean", "The command goes on when the connection is lost or the server restarts, and is picked up again.", byDefault("false")),
		param("env", "object", "Environment variables; every value is a string."),
		param("hosts", "string", "Machines to run on, with commas between them, with a port as host:port.", required),
		param("kwarg_op", "string", `What precedes the name of a named argument: "--" or "-".`, byDefault(`"--"`)),
		param("parallel", "boolean", "Of no use: all machines are worked on at once.", immutable, byDefault("false")),
		param("passphrase", "string", "Passphrase of the private key.", secret, optional),
		param("password", "string", "Password to log in with.", secret, optional),
		param("port", "integer", "SSH port of machines without one of their own.", optional),
		param("private_key", "string", "Private key to log in with, or the path of its file on the server.", secret, optional),
		param("sudo", "boolean", "Run as root, through sudo.", byDefault("false")),
		param("sudo_password", "string", "Password for sudo, where it asks for one.", byDefault("null"), secret, optional),
		param("timeout", "integer", "Seconds after which the command is ended, on each machine.", byDefault("60")),
		param("total_timeout", "integer", "Seconds after which all machines are given up; without it only their own time counts."),
		param("username", "string", "User to log in as; empty: whom ssh_config or the server's configuration names.", optional),
	}, own...)
}
