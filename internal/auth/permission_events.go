package auth

// What can be done with what rules made of events, and with what events come
// from. Events themselves have the permissions of triggers (st2).
const (
	EnforcementList Permission = "rule_enforcement_list"
	EnforcementView Permission = "rule_enforcement_view"

	WebhookList Permission = "webhook_list"
	WebhookView Permission = "webhook_view"
	WebhookSend Permission = "webhook_send"

	TimerList Permission = "timer_list"
	TimerView Permission = "timer_view"

	TraceList Permission = "trace_list"
	TraceView Permission = "trace_view"
)

// eventPermissions are those of this file that no other file has.
var eventPermissions = []Permission{
	EnforcementList, EnforcementView, WebhookList, WebhookView, WebhookSend, TimerList, TimerView, TraceList, TraceView,
}
