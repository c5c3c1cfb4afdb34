"""Exceptions about actions."""

from st2common.exceptions import StackStormBaseException, StackStormPluginException

__all__ = [
    "ParameterRenderingFailedException",
    "InvalidActionReferencedException",
    "InvalidActionParameterException",
]


class ParameterRenderingFailedException(StackStormPluginException):
    """A parameter could not be rendered."""


class InvalidActionReferencedException(StackStormBaseException):
    """There is no such action."""


class InvalidActionParameterException(StackStormBaseException):
    """A parameter is not what the action can work with."""
