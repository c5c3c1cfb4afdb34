package types

import "squall/internal/squall"

func winrmCmd() *squall.RunnerType {
	return winrm("winrm-cmd", "Runs a command on a Windows machine.", param("cmd", "string", "The command line, as typed into the Command Prompt."))
}

func winrmPSCmd() *squall.RunnerType {
	return winrm("winrm-ps-cmd", "Runs PowerShell on a Windows machine.", param("cmd", "string", "The PowerShell commands."))
}

func winrmPSScript() *squall.RunnerType {
	return winrm("winrm-ps-script", "Runs a PowerShell script of the pack on a Windows machine.")
}

func winrm(name, description string, own ...squall.Parameter) *squall.RunnerType {
	return &squall.RunnerType{
		Name: name, Description: description,
		Parameters: append(squall.Schema{
			param("cwd", "string", "Directory to work in."),
			param("env", "object", "Environment variables; every value is a string."),
			param("host", "string", "Machine to run on.", required),
			param("kwarg_op", "string", `What precedes the name of a named argument: "-" or "/".`, byDefault(`"-"`)),
			param("password", "string", "Password to log in with.", required, secret),
			param("port", "integer", "WinRM port; 5985 is http.", byDefault("5986"), optional),
			param("scheme", "string", "http or https.", byDefault(`"https"`), optional),
			param("timeout", "integer", "Seconds after which the command is ended.", byDefault("60")),
			param("transport", "string", "How to log in; ntlm and basic (plaintext, ssl) are possible.", byDefault(`"ntlm"`),
				also(`{"enum":["basic","certificate","credssp","kerberos","ntlm","plaintext","ssl"]}`), optional),
			param("username", "string", "User to log in as.", required),
			param("verify_ssl_cert", "boolean", "Check the machine's certificate.", byDefault("true")),
		}, own...),
	}
}
