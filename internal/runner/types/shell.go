package types

import "squall/internal/squall"

func localShellCmd() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "local-shell-cmd",
		Aliases:     []string{"run-local"},
		Description: "Runs a shell command on the server, as the configured system user.",
		Parameters: squall.Schema{
			param("cmd", "string", "The command line, as typed into a shell."),
			param("cwd", "string", "Directory to run the command in."),
			param("env", "object", "Environment variables for the command; every value is a string."),
			param("kwarg_op", "string", `What precedes the name of a named argument: "--" or "-".`, byDefault(`"--"`)),
			param("sudo", "boolean", "Run the command as root, through sudo.", byDefault("false")),
			param("sudo_password", "string", "Password for sudo, where it asks for one.", byDefault("null"), secret, optional),
			param("timeout", "integer", "Seconds after which the command and all it started are killed.", byDefault("60")),
		},
	}
}

func localShellScript() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "local-shell-script",
		Aliases:     []string{"run-local-script"},
		Description: "Runs a script of the pack on the server, as the configured system user.",
		Parameters: squall.Schema{
			param("debug", "boolean", "Log what the runner does in detail.", byDefault("false"), optional),
			param("content_version", "string", "Commit, tag or branch of the pack to take the script from; the pack must be a git repository.", optional),
			param("cwd", "string", "Directory to run the script in."),
			param("env", "object", "Environment variables for the script; every value is a string."),
			param("kwarg_op", "string", `What precedes the name of a named argument: "--" or "-".`, byDefault(`"--"`)),
			param("sudo", "boolean", "Run the script as root, through sudo.", byDefault("false")),
			param("sudo_password", "string", "Password for sudo, where it asks for one.", byDefault("null"), secret, optional),
			param("timeout", "integer", "Seconds after which the script and all it started are killed.", byDefault("60")),
		},
	}
}
