package auth

// The permissions on registered content, as StackStorm names them.
const (
	ActionCreate Permission = "action_create"
	ActionModify Permission = "action_modify"
	ActionDelete Permission = "action_delete"

	RuleList   Permission = "rule_list"
	RuleView   Permission = "rule_view"
	RuleCreate Permission = "rule_create"
	RuleModify Permission = "rule_modify"
	RuleDelete Permission = "rule_delete"

	AliasList   Permission = "action_alias_list"
	AliasView   Permission = "action_alias_view"
	AliasCreate Permission = "action_alias_create"
	AliasModify Permission = "action_alias_modify"
	AliasDelete Permission = "action_alias_delete"
	AliasMatch  Permission = "action_alias_match"
	AliasHelp   Permission = "action_alias_help"

	PolicyList   Permission = "policy_list"
	PolicyView   Permission = "policy_view"
	PolicyCreate Permission = "policy_create"
	PolicyModify Permission = "policy_modify"
	PolicyDelete Permission = "policy_delete"

	PolicyTypeList Permission = "policy_type_list"
	PolicyTypeView Permission = "policy_type_view"

	SensorList   Permission = "sensor_type_list"
	SensorView   Permission = "sensor_type_view"
	SensorModify Permission = "sensor_type_modify"

	RunnerModify Permission = "runner_type_modify"

	TriggerList Permission = "trigger_list"
	TriggerView Permission = "trigger_view"
	// TriggerAll is to make, change and remove triggers and their types; in
	// StackStorm everybody may.
	TriggerAll Permission = "trigger_all"

	FilterList Permission = "execution_views_filters_list"

	PackHealth Permission = "pack_views_index_health"
)

// contentPermissions lists the permissions of this file once.
var contentPermissions = []Permission{
	ActionCreate, ActionModify, ActionDelete,
	RuleList, RuleView, RuleCreate, RuleModify, RuleDelete,
	AliasList, AliasView, AliasCreate, AliasModify, AliasDelete, AliasMatch, AliasHelp,
	PolicyList, PolicyView, PolicyCreate, PolicyModify, PolicyDelete, PolicyTypeList, PolicyTypeView,
	SensorList, SensorView, SensorModify, RunnerModify, TriggerList, TriggerView, TriggerAll, FilterList, PackHealth,
}
