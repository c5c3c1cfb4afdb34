"""What happens, and what follows from it."""

from st2client.models.core import Resource

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
