"""Credentials."""

from st2client.models.core import Resource

__all__ = ["Token", "ApiKey"]


class Token(Resource):
    """A token of a user."""

    _display_name = "Access Token"
    _plural = "Tokens"
    _repr_attributes = ["user", "expiry"]


class ApiKey(Resource):
    """A key for a program."""

    _display_name = "API Key"
    _plural = "ApiKeys"
    _repr_attributes = ["id", "user"]
