"""The base class of tests of what packs hold."""

from st2tests.base import BasePackResourceTestCase

__all__ = ["BasePackResourceTestCase"]
