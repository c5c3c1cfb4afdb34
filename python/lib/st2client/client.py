"""The client."""

import os
import urllib.parse

from st2client import models
from st2client.models.action import ExecutionManager
from st2client.models.action_alias import ActionAliasManager
from st2client.models.aliasexecution import ActionAliasExecutionManager
from st2client.models.config import ConfigManager
from st2client.models.core import ResourceManager
from st2client.models.inquiry import InquiryManager
from st2client.models.keyvalue import KeyValuePairManager
from st2client.models.pack import PackManager
from st2client.models.reactor import WebhookManager
from st2client.utils import httpclient

__all__ = ["Client"]

DEFAULT_BASE_URL = "http://127.0.0.1"
DEFAULT_API_PORT = 9101
DEFAULT_AUTH_PORT = 9100
DEFAULT_STREAM_PORT = 9102
DEFAULT_API_VERSION = "v1"

# The attributes of a client and what is behind them.
_RESOURCES = {
    "actionaliases": (models.ActionAlias, ActionAliasManager),
    "actionaliasexecutions": (models.ActionAliasExecution, ActionAliasExecutionManager),
    "actions": (models.Action, ResourceManager),
    "apikeys": (models.ApiKey, ResourceManager),
    "config_schemas": (models.ConfigSchema, ResourceManager),
    "configs": (models.Config, ConfigManager),
    "executions": (models.Execution, ExecutionManager),
    "inquiries": (models.Inquiry, InquiryManager),
    "keys": (models.KeyValuePair, KeyValuePairManager),
    "liveactions": (models.LiveAction, ExecutionManager),
    "packs": (models.Pack, PackManager),
    "policies": (models.Policy, ResourceManager),
    "policytypes": (models.PolicyType, ResourceManager),
    "rule_enforcements": (models.RuleEnforcement, ResourceManager),
    "rules": (models.Rule, ResourceManager),
    "runners": (models.RunnerType, ResourceManager),
    "sensors": (models.Sensor, ResourceManager),
    "timers": (models.Timer, ResourceManager),
    "tokens": (models.Token, ResourceManager),
    "trace": (models.Trace, ResourceManager),
    "triggerinstances": (models.TriggerInstance, ResourceManager),
    "triggers": (models.Trigger, ResourceManager),
    "triggertypes": (models.TriggerType, ResourceManager),
    "webhooks": (models.Webhook, WebhookManager),
}


class Client:
    """A client of the API.

    What is not given comes from the environment: ST2_API_URL, ST2_AUTH_TOKEN,
    ST2_API_KEY. Inside an action these name the server it runs on and the token
    of the execution, whatever base_url says.
    """

    def __init__(
        self,
        base_url=None,
        auth_url=None,
        api_url=None,
        stream_url=None,
        api_version=None,
        cacert=None,
        debug=False,
        token=None,
        api_key=None,
        basic_auth=None,
    ):
        env = os.environ
        version = api_version or env.get("ST2_API_VERSION") or DEFAULT_API_VERSION
        base = (base_url or env.get("ST2_BASE_URL") or DEFAULT_BASE_URL).rstrip("/")
        self.cacert = cacert if cacert is not None else env.get("ST2_CACERT")
        self.debug = debug

        api = api_url or env.get("ST2_API_URL") or env.get("ST2_ACTION_API_URL")
        auth = auth_url or env.get("ST2_AUTH_URL")
        stream = stream_url or env.get("ST2_STREAM_URL")
        self.endpoints = {
            "base": base,
            "api": _versioned(api, version) if api else "%s:%d/%s" % (base, DEFAULT_API_PORT, version),
            # One server answers all three here.
            "auth": auth or (_versioned(api, version) if api else "%s:%d" % (base, DEFAULT_AUTH_PORT)),
            "stream": stream or (_versioned(api, version) if api else "%s:%d/v1" % (base, DEFAULT_STREAM_PORT)),
        }

        self.token = token or env.get("ST2_AUTH_TOKEN") or env.get("ST2_ACTION_AUTH_TOKEN")
        self.api_key = api_key or env.get("ST2_API_KEY")
        if api_key and not token:
            self.token = None
        self.basic_auth = basic_auth
        credentials = {"token": self.token, "api_key": self.api_key, "basic_auth": basic_auth}

        self.managers = {}
        for name, (resource, manager) in _RESOURCES.items():
            endpoint = self.endpoints["auth" if resource is models.Token else "api"]
            one = manager(resource, endpoint, cacert=self.cacert, debug=debug, **credentials)
            self.managers[resource.__name__] = one
            setattr(self, name, one)
        self.client = httpclient.HTTPClient(self.endpoints["api"], cacert=self.cacert, debug=debug, **credentials)

    def get_user_info(self, **_kwargs):
        """Return who the token belongs to, how that was shown, and what that user may do."""
        response = self.client.get("/user")
        response.raise_for_status()
        return response.json()


def _versioned(url, version):
    """Return the address of the API, with its version also where only the server was named."""
    url = url.rstrip("/")
    return url if urllib.parse.urlsplit(url).path else "%s/%s" % (url, version)
