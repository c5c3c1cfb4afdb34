"""Resources of the API."""

from st2client.models.core import Resource, ResourceManager
from st2client.models.action import Action, Execution, LiveAction, RunnerType
from st2client.models.action_alias import ActionAlias, ActionAliasMatch
from st2client.models.aliasexecution import ActionAliasExecution
from st2client.models.auth import ApiKey, Token
from st2client.models.config import Config, ConfigSchema
from st2client.models.inquiry import Inquiry
from st2client.models.keyvalue import KeyValuePair
from st2client.models.pack import Pack
from st2client.models.policy import Policy, PolicyType
from st2client.models.reactor import (
    Rule,
    RuleEnforcement,
    Sensor,
    Timer,
    Trace,
    Trigger,
    TriggerInstance,
    TriggerType,
    Webhook,
)

__all__ = [
    "Resource",
    "ResourceManager",
    "Action",
    "ActionAlias",
    "ActionAliasExecution",
    "ActionAliasMatch",
    "ApiKey",
    "Config",
    "ConfigSchema",
    "Execution",
    "Inquiry",
    "KeyValuePair",
    "LiveAction",
    "Pack",
    "Policy",
    "PolicyType",
    "Rule",
    "RuleEnforcement",
    "RunnerType",
    "Sensor",
    "Timer",
    "Token",
    "Trace",
    "Trigger",
    "TriggerInstance",
    "TriggerType",
    "Webhook",
]
