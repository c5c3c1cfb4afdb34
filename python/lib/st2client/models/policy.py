"""Policies."""

from st2client.models.core import Resource

__all__ = ["Policy", "PolicyType"]


class PolicyType(Resource):
    """A kind of policy."""

    _alias = "Policy-Type"
    _display_name = "Policy type"
    _plural = "PolicyTypes"


class Policy(Resource):
    """What holds for the executions of an action."""

    _plural = "Policies"
