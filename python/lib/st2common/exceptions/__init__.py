"""Exceptions of StackStorm that packs raise or catch."""

__all__ = ["StackStormBaseException", "StackStormPluginException"]


class StackStormBaseException(Exception):
    """The root of all of them."""


class StackStormPluginException(StackStormBaseException):
    """Something is wrong with an action or a sensor."""
