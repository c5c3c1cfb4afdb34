"""The base class of tests of sensors, where some packs look for it."""

from st2tests.base import BaseSensorTestCase

__all__ = ["BaseSensorTestCase"]
