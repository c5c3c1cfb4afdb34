"""The old place of the base class of actions."""

from st2common.runners.base_action import Action

__all__ = ["Action"]
