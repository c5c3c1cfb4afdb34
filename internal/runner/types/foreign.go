package types

import "squall/internal/squall"

// Known returns the catalog of the runners that ship with Squall and of those
// of StackStorm that this release does not run. Packs are checked against it
// and register completely; an execution of what cannot be run fails and says
// that no node has the runner.
func Known() *Catalog {
	all := Builtin().All()
	for _, t := range []*squall.RunnerType{
		winrm("winrm-cmd", "Runs a command on a Windows machine."),
		winrm("winrm-ps-cmd", "Runs a PowerShell command on a Windows machine."),
		winrm("winrm-ps-script", "Runs a PowerShell script of the pack on a Windows machine."),
	} {
		if _, ok := Builtin().RunnerType(t.Name); !ok { // what can be run describes itself
			all = append(all, t)
		}
	}
	return New(all...)
}

func winrm(name, description string) *squall.RunnerType {
	rt := &squall.RunnerType{
		Name: name, Description: description,
		Parameters: squall.Schema{
			param("cwd", "string", "Directory to work in."),
			param("env", "object", "Environment variables; every value is a string."),
			param("host", "string", "Machine to run on.", required),
			param("password", "string", "Password to log in with.", required, secret),
			param("port", "integer", "WinRM port.", byDefault("5986")),
			param("scheme", "string", "http or https.", byDefault(`"https"`)),
			param("timeout", "integer", "Seconds after which the command is ended.", byDefault("60")),
			param("transport", "string", "How to log in.", byDefault(`"ntlm"`)),
			param("username", "string", "User to log in as.", required),
			param("verify_ssl_cert", "boolean", "Check the machine's certificate.", byDefault("true")),
		},
	}
	if name != "winrm-ps-script" {
		rt.Parameters = append(rt.Parameters, param("cmd", "string", "The command line.", required))
	}
	return rt
}
