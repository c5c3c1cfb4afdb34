"""What happens, and what follows from it."""

from st2client.models.core import Resource, ResourceManager

__all__ = [
    "Rule",
    "RuleEnforcement",
    "Sensor",
    "Timer",
    "Trace",
    "Trigger",
    "TriggerInstance",
    "TriggerType",
    "Webhook",
    "WebhookManager",
]


class Rule(Resource):
    """What to do when something happens."""

    _plural = "Rules"
    _repr_attributes = ["name", "pack", "trigger", "criteria", "enabled"]


class RuleEnforcement(Resource):
    """That a rule has done something."""

    _alias = "Rule-Enforcement"
    _plural = "RuleEnforcements"


class Sensor(Resource):
    """What watches for events."""

    _alias = "Sensor"
    _plural = "Sensortypes"
    _repr_attributes = ["name", "pack"]


class Timer(Resource):
    """A trigger of the clock."""

    _plural = "Timers"


class Trace(Resource):
    """What belongs together."""

    _plural = "Traces"


class Trigger(Resource):
    """A kind of event with its parameters."""

    _plural = "Triggers"


class TriggerInstance(Resource):
    """An event."""

    _alias = "Trigger-Instance"
    _plural = "Triggerinstances"


class TriggerType(Resource):
    """A kind of event."""

    _alias = "Trigger"
    _plural = "Triggertypes"


class Webhook(Resource):
    """An address that takes events."""

    _plural = "Webhooks"


class WebhookManager(ResourceManager):
    """Addresses that take events: how to send one."""

    def post_generic_webhook(self, trigger, payload=None, trace_tag=None, **_kwargs):
        """Let a trigger happen; returns the server's answer."""
        headers = {"St2-Trace-Tag": trace_tag} if trace_tag else {}
        body = {"trigger": trigger, "payload": payload or {}}
        response = self.client.post("%s/st2" % self.path, body, headers=headers)
        response.raise_for_status()
        return response.json() if response.text else None
