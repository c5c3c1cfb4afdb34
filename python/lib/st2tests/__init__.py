"""What unit tests of packs import: base classes and stand-ins for the services."""

from st2tests.base import BaseActionAliasTestCase, BaseActionTestCase, BaseSensorTestCase

__all__ = ["BaseActionAliasTestCase", "BaseActionTestCase", "BaseSensorTestCase"]
