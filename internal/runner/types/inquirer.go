package types

import "squall/internal/squall"

func inquirer() *squall.RunnerType {
	return &squall.RunnerType{
		Name:        "inquirer",
		Description: "Asks people and waits for the answer.",
		Parameters: squall.Schema{
			param("schema", "object", "JSON schema of the answer.", required,
				byDefault(`{"title":"response_data","type":"object","properties":{"continue":{"type":"boolean","description":"Would you like to continue the workflow?","required":true}}}`)),
			param("route", "string", "Whatever rules need to bring the question to the right people.", byDefault(`""`), optional),
			param("roles", "array", "Roles of those who may answer; without any, the role does not matter. Roles count where RBAC is on.", byDefault("[]"), optional),
			param("users", "array", "Users who may answer; without any, all may.", byDefault("[]"), optional),
			param("ttl", "integer", "Minutes after which nobody need answer any more; 0 or less: never.", required, byDefault("1440")),
		},
	}
}
