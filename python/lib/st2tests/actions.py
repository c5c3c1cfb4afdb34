"""The base class of tests of actions, where some packs look for it."""

from st2tests.base import BaseActionTestCase

__all__ = ["BaseActionTestCase"]
