package api

import (
	"net/http"
	"strings"

	"squall/internal/api/wire"
)

// answerForm is what a route answers when it does what it was asked.
type answerForm struct {
	doc     any // a value of the type of the document; nil: anything
	list    bool
	status  int    // 0: 200
	media   string // of answers that are no JSON
	filters string // names of query parameters, with blanks between
	pages   bool   // limit and offset count
}

// query lists the query parameters that have an effect.
func (a answerForm) query() []string {
	names := strings.Fields(a.filters)
	if a.pages {
		names = append([]string{"limit", "offset", "include_attributes", "exclude_attributes"}, names...)
	}
	return names
}

func one(doc any) answerForm  { return answerForm{doc: doc} }
func made(doc any) answerForm { return answerForm{doc: doc, status: http.StatusCreated} }
func gone() answerForm        { return answerForm{status: http.StatusNoContent} }
func many(doc any, filters string) answerForm {
	return answerForm{doc: doc, list: true, pages: true, filters: filters}
}
func text(media string) answerForm { return answerForm{media: media} }

const executionFilterNames = "id liveaction action status parent rule runner timestamp timestamp_gt timestamp_lt trigger trigger_type trigger_instance user sort sort_asc sort_desc show_secrets max_result_size"

// answers are the answers by route: "GET /api/v1/rules".
var answers = map[string]answerForm{
	"GET /healthz": one(readiness{}),
	"GET /readyz":  one(readiness{}),
	"GET /metrics": text("text/plain"),

	"GET /api/v1":                   one(wire.Root{}),
	"GET /api/v1/user":              one(wire.User{}),
	"POST /auth/v1/tokens":          made(wire.Token{}),
	"DELETE /auth/v1/tokens":        gone(),
	"POST /auth/v1/tokens/validate": one(wire.TokenValid{}),

	"GET /api/v1/executions":                        many(wire.Execution{}, executionFilterNames),
	"POST /api/v1/executions":                       made(wire.Execution{}),
	"GET /api/v1/executions/{id}":                   {doc: wire.Execution{}, filters: "include_attributes exclude_attributes show_secrets max_result_size"},
	"PUT /api/v1/executions/{id}":                   one(wire.Execution{}),
	"POST /api/v1/executions/{id}/re_run":           made(wire.Execution{}),
	"GET /api/v1/executions/{id}/children":          {doc: wire.Execution{}, list: true, filters: "depth show_secrets"},
	"GET /api/v1/executions/{id}/output":            {media: "text/plain", filters: "output_type follow after"},
	"GET /api/v1/executions/{id}/result":            {filters: "download compress pretty_format"},
	"GET /api/v1/executions/{id}/history":           {doc: wire.FlowEvent{}, list: true},
	"GET /api/v1/executions/{id}/context":           {doc: wire.FlowContext{}, filters: "at"},
	"GET /api/v1/executions/{id}/workflow":          one(wire.Flow{}),
	"GET /api/v1/executions/views/filters":          {doc: map[string][]string{}, filters: "types"},
	"GET /api/v1/actions":                           many(wire.Action{}, "id name pack tags search after"),
	"POST /api/v1/actions":                          made(wire.Action{}),
	"GET /api/v1/actions/{ref}":                     one(wire.Action{}),
	"PUT /api/v1/actions/{ref}":                     one(wire.Action{}),
	"DELETE /api/v1/actions/{ref}":                  gone(),
	"POST /api/v1/actions/{ref}/clone":              made(wire.Action{}),
	"GET /api/v1/actions/views/overview":            many(wire.Action{}, "id name pack"),
	"GET /api/v1/actions/views/overview/{ref}":      one(wire.Action{}),
	"GET /api/v1/actions/views/entry_point/{ref}":   text("text/plain"),
	"GET /api/v1/rules":                             many(wire.Rule{}, "id name pack action trigger enabled show_secrets"),
	"POST /api/v1/rules":                            made(wire.Rule{}),
	"GET /api/v1/rules/{ref}":                       {doc: wire.Rule{}, filters: "show_secrets"},
	"PUT /api/v1/rules/{ref}":                       {doc: wire.Rule{}, filters: "show_secrets"},
	"DELETE /api/v1/rules/{ref}":                    gone(),
	"GET /api/v1/rules/views":                       many(wire.Rule{}, "id name pack show_secrets"),
	"GET /api/v1/rules/views/{ref}":                 {doc: wire.Rule{}, filters: "show_secrets"},
	"POST /api/v1/rules/test":                       one(wire.RuleTest{}),
	"GET /api/v1/ruletypes":                         {doc: wire.RuleType{}, list: true},
	"GET /api/v1/ruletypes/{id}":                    one(wire.RuleType{}),
	"GET /api/v1/triggertypes":                      many(wire.TriggerType{}, "id name pack sort"),
	"POST /api/v1/triggertypes":                     made(wire.TriggerType{}),
	"GET /api/v1/triggertypes/{ref}":                one(wire.TriggerType{}),
	"PUT /api/v1/triggertypes/{ref}":                one(wire.TriggerType{}),
	"DELETE /api/v1/triggertypes/{ref}":             gone(),
	"GET /api/v1/triggers":                          {doc: wire.Trigger{}, list: true},
	"POST /api/v1/triggers":                         made(wire.Trigger{}),
	"GET /api/v1/triggers/{id}":                     one(wire.Trigger{}),
	"PUT /api/v1/triggers/{id}":                     one(wire.Trigger{}),
	"DELETE /api/v1/triggers/{id}":                  gone(),
	"GET /api/v1/triggerinstances":                  many(wire.TriggerInstance{}, "id trigger trigger_type status timestamp_gt timestamp_lt sort"),
	"GET /api/v1/triggerinstances/{id}":             one(wire.TriggerInstance{}),
	"GET /api/v1/ruleenforcements":                  many(wire.RuleEnforcement{}, "id rule_id rule_ref execution trigger_instance enforced_at_gt enforced_at_lt sort"),
	"GET /api/v1/ruleenforcements/{id}":             one(wire.RuleEnforcement{}),
	"GET /api/v1/traces":                            many(wire.Trace{}, "id trace_tag execution rule trigger_instance sort_asc sort_desc"),
	"GET /api/v1/traces/{id}":                       one(wire.Trace{}),
	"GET /api/v1/notifications":                     many(wire.Notification{}, "state"),
	"GET /api/v1/webhooks":                          {doc: wire.Trigger{}, list: true},
	"GET /api/v1/webhooks/{url...}":                 one(wire.Trigger{}),
	"POST /api/v1/webhooks/{url...}":                {status: http.StatusAccepted},
	"GET /api/v1/timers/{ref}/history":              many(wire.Fire{}, ""),
	"GET /api/v1/timers":                            {doc: wire.Timer{}, list: true, filters: "timer_type"},
	"GET /api/v1/timers/{ref}":                      one(wire.Timer{}),
	"GET /api/v1/sensors":                           {doc: wire.SensorState{}, list: true},
	"GET /api/v1/sensortypes":                       many(wire.Sensor{}, "id name pack enabled trigger"),
	"GET /api/v1/sensortypes/{ref}":                 one(wire.Sensor{}),
	"PUT /api/v1/sensortypes/{ref}":                 one(wire.Sensor{}),
	"GET /api/v1/policytypes":                       many(wire.PolicyType{}, "id name resource_type sort"),
	"GET /api/v1/policytypes/{ref}":                 one(wire.PolicyType{}),
	"GET /api/v1/policies":                          many(wire.Policy{}, "id name pack resource_ref policy_type"),
	"POST /api/v1/policies":                         made(wire.Policy{}),
	"GET /api/v1/policies/{ref}":                    one(wire.Policy{}),
	"PUT /api/v1/policies/{ref}":                    one(wire.Policy{}),
	"DELETE /api/v1/policies/{ref}":                 gone(),
	"GET /api/v1/actionalias":                       many(wire.Alias{}, "id name pack sort"),
	"POST /api/v1/actionalias":                      made(wire.Alias{}),
	"GET /api/v1/actionalias/{ref}":                 one(wire.Alias{}),
	"PUT /api/v1/actionalias/{ref}":                 one(wire.Alias{}),
	"DELETE /api/v1/actionalias/{ref}":              gone(),
	"POST /api/v1/actionalias/match":                one(wire.AliasMatch{}),
	"GET /api/v1/actionalias/help":                  {doc: wire.AliasHelp{}, filters: "filter pack limit offset"},
	"POST /api/v1/aliasexecution":                   made(wire.AliasRun{}),
	"POST /api/v1/aliasexecution/match_and_execute": made(map[string][]wire.AliasRun{}),
	"POST /api/v1/workflows/inspect":                {doc: map[string]any{}, list: true},

	"GET /api/v1/packs":                            many(wire.Pack{}, "id ref name sort"),
	"GET /api/v1/packs/{ref}":                      one(wire.Pack{}),
	"GET /api/v1/packs/index/health":               one(wire.IndexHealth{}),
	"POST /api/v1/packs/register":                  one(map[string]int{}),
	"POST /api/v1/packs/install":                   {doc: map[string]string{}, status: http.StatusAccepted},
	"POST /api/v1/packs/uninstall":                 {doc: map[string]string{}, status: http.StatusAccepted},
	"GET /api/v1/packs/views/file/{ref}/{path...}": text("application/octet-stream"),
	"GET /api/v1/configs":                          many(wire.PackConfig{}, "id show_secrets sort"),
	"GET /api/v1/configs/{ref}":                    {doc: wire.PackConfig{}, filters: "show_secrets"},
	"PUT /api/v1/configs/{ref}":                    {doc: wire.PackConfig{}, filters: "show_secrets"},
	"GET /api/v1/config_schemas":                   {pages: true, filters: "id sort"},
	"GET /api/v1/runnertypes":                      many(wire.RunnerType{}, "id name sort"),
	"GET /api/v1/runnertypes/{name}":               one(wire.RunnerType{}),
	"PUT /api/v1/runnertypes/{name}":               one(wire.RunnerType{}),

	"GET /api/v1/keys":                                   {doc: wire.Key{}, list: true, pages: true, filters: "prefix scope user decrypt"},
	"GET /api/v1/keys/{name}":                            {doc: wire.Key{}, filters: "scope user decrypt"},
	"PUT /api/v1/keys/{name}":                            one(wire.Key{}),
	"DELETE /api/v1/keys/{name}":                         gone(),
	"GET /api/v1/apikeys":                                many(wire.APIKey{}, "user show_secrets"),
	"POST /api/v1/apikeys":                               made(wire.APIKey{}),
	"GET /api/v1/apikeys/{id}":                           one(wire.APIKey{}),
	"PUT /api/v1/apikeys/{id}":                           one(wire.APIKey{}),
	"DELETE /api/v1/apikeys/{id}":                        gone(),
	"GET /api/v1/service_registry/groups":                one(wire.ServiceGroups{}),
	"GET /api/v1/service_registry/groups/{name}/members": one(wire.ServiceMembers{}),
	"GET /api/v1/rbac/roles":                             {doc: wire.Role{}, list: true, filters: "name system limit offset"},
	"GET /api/v1/rbac/roles/{ref}":                       one(wire.Role{}),
	"GET /api/v1/rbac/role_assignments":                  {doc: wire.RoleAssignment{}, list: true, filters: "user role source remote limit offset"},
	"GET /api/v1/rbac/role_assignments/{id}":             one(wire.RoleAssignment{}),
	"GET /api/v1/audit":                                  {doc: wire.AuditEntry{}, list: true, filters: "user action target from outcome timestamp_gt timestamp_lt limit offset"},
	"GET /api/v1/fleet/nodes":                            {doc: wire.FleetNode{}, list: true, filters: "target"},
	"POST /api/v1/fleet/nodes":                           one(wire.FleetImported{}),
	"DELETE /api/v1/fleet/nodes/{name}":                  gone(),
	"POST /api/v1/fleet/hostkeys":                        one(wire.HostKey{}),
	"GET /api/v1/fleet/rollouts":                         {doc: wire.Rollout{}, list: true, filters: "limit"},
	"POST /api/v1/fleet/rollouts":                        made(wire.Rollout{}),
	"GET /api/v1/fleet/rollouts/{id}":                    one(wire.Rollout{}),
	"PUT /api/v1/fleet/rollouts/{id}":                    one(wire.Rollout{}),
	"GET /api/v1/inquiries":                              {doc: wire.Inquiry{}, list: true, filters: "limit offset include_attributes exclude_attributes"},
	"GET /api/v1/inquiries/{id}":                         one(wire.Inquiry{}),
	"PUT /api/v1/inquiries/{id}":                         one(wire.InquiryResponse{}),
}
