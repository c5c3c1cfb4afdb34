"""The base class of tests of aliases, where some packs look for it."""

from st2tests.base import BaseActionAliasTestCase

__all__ = ["BaseActionAliasTestCase"]
