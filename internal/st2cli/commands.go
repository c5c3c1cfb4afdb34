package st2cli

import (
	"io"

	"squall/internal/argparse"
)

// commands is the whole command line.
func commands() *argparse.Command {
	return &argparse.Command{
		Name: "st2",
		Help: "Command line of StackStorm, spoken by Squall. Commands of Squall's own: squall --help",
		Args: []argparse.Arg{
			{Flags: []string{"--version"}, Name: "version", Nargs: argparse.Switch, Ends: true, Help: "print the version and exit"},
			{Flags: []string{"--url"}, Name: "base_url", Help: "address of the server, without a port: its services are at 9100, 9101 and 9102 (ST2_BASE_URL)"},
			{Flags: []string{"--auth-url"}, Name: "auth_url", Help: "address of the authentication service (ST2_AUTH_URL)"},
			{Flags: []string{"--api-url"}, Name: "api_url", Help: "address of the API (ST2_API_URL)"},
			{Flags: []string{"--stream-url"}, Name: "stream_url", Help: "address of the stream (ST2_STREAM_URL)"},
			{Flags: []string{"--api-version"}, Name: "api_version", Help: "version of the API (ST2_API_VERSION)"},
			{Flags: []string{"--cacert"}, Name: "cacert", Help: "file with the certificates that are trusted, or false: do not check them (ST2_CACERT)"},
			{Flags: []string{"--basic-auth"}, Name: "basic_auth", Help: "user:password for a proxy in front of the server"},
			{Flags: []string{"--config-file"}, Name: "config_file", Help: "configuration file (ST2_CONFIG_FILE; default ~/.st2/config)"},
			{Flags: []string{"--print-config"}, Name: "print_config", Nargs: argparse.Switch, Help: "print what the configuration file says and exit"},
			{Flags: []string{"--skip-config"}, Name: "skip_config", Nargs: argparse.Switch, Help: "do not read the configuration file"},
			{Flags: []string{"--debug"}, Name: "debug", Nargs: argparse.Switch, Help: "print requests and answers"},
		},
		Sub: []*argparse.Command{
			runCommand("run", "Run an action."),
			branch("action", "Actions: what can be run.", "actions", actionCommands()...),
			branch("action-alias", "Action aliases: commands of the chat.", "action aliases", aliasCommands()...),
			authCommand(),
			loginCommand(),
			whoamiCommand(),
			branch("apikey", "API keys.", "api keys", apiKeyCommands()...),
			branch("execution", "Executions: runs of actions.", "action executions", executionCommands()...),
			branch("inquiry", "Inquiries: questions that a workflow waits for an answer to.", "inquiries", inquiryCommands()...),
			branch("key", "Keys and values of the datastore.", "key value pairs", keyCommands()...),
			branch("pack", "Packs: collections of actions, rules, sensors and more.", "packs", packCommands()...),
			branch("policy", "Policies: limits and retries of actions.", "policies", policyCommands()...),
			branch("policy-type", "Kinds of policies.", "policy types", policyTypeCommands()...),
			branch("rule", "Rules: which trigger runs which action, and when.", "rules", ruleCommands()...),
			branch("webhook", "Webhooks.", "webhooks", webhookCommands()...),
			branch("timer", "Timers.", "timers", timerCommands()...),
			branch("runner", "Runners: what carries actions out.", "runners", runnerCommands()...),
			branch("sensor", "Sensors: programs that watch something and report triggers.", "sensortypes", sensorCommands()...),
			branch("trace", "Traces: what followed from one trigger or request.", "traces", traceCommands()...),
			branch("trigger", "Triggers: kinds of events.", "triggers", triggerCommands()...),
			branch("trigger-instance", "Trigger instances: events that happened.", "triggerinstances", triggerInstanceCommands()...),
			branch("rule-enforcement", "Rule enforcements: what rules did about events.", "rule enforcements", enforcementCommands()...),
			branch("workflow", "Workflow definitions.", "workflows", workflowCommands()...),
			branch("service-registry", "The nodes of the cluster.", "service registry",
				branch("group", "Groups of nodes.", "groups", groupCommands()...), branch("member", "Members of groups.", "group members", memberCommands()...)),
			branch("role", "Roles.", "roles", roleCommands()...),
			branch("role-assignment", "Who has which role.", "role assignments", assignmentCommands()...),
		},
	}
}

func branch(name, help, many string, sub ...*argparse.Command) *argparse.Command {
	return &argparse.Command{Name: name, Help: help, SubHelp: "commands for " + many, Sub: sub}
}

// readAll reads what a person would pipe in, not more.
func readAll(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, 32<<20)) }
