"""Base classes of unit tests of packs.

`squall pack test DIR` runs such tests; so does any runner of unittest that finds
this library and the pack's directories on its path.
"""

import inspect
import json
import os
import unittest

from st2common.runners.utils import get_action_class_instance
from st2tests.mocks.action import MockActionService, MockActionWrapper
from st2tests.mocks.sensor import MockSensorService, MockSensorWrapper

__all__ = [
    "BaseActionAliasTestCase",
    "BaseActionTestCase",
    "BasePackResourceTestCase",
    "BaseSensorTestCase",
    "RunnerTestCase",
    "TestCase",
]

TestCase = unittest.TestCase


class BasePackResourceTestCase(unittest.TestCase):
    """A test of something in a pack."""

    def get_fixture_content(self, fixture_path):
        """Return the text of a file below tests/fixtures of the pack."""
        with open(os.path.join(self._tests_directory(), "fixtures", fixture_path), encoding="utf-8") as file:
            return file.read()

    def _tests_directory(self):
        return os.path.dirname(os.path.abspath(inspect.getfile(type(self))))

    def _pack_directory(self):
        at = self._tests_directory()
        while not os.path.isfile(os.path.join(at, "pack.yaml")) and os.path.dirname(at) != at:
            at = os.path.dirname(at)
        return at

    def _get_pack_name(self):
        return os.path.basename(self._pack_directory())


class BaseActionTestCase(BasePackResourceTestCase):
    """A test of the action in action_cls."""

    action_cls = None

    def setUp(self):
        super().setUp()
        cls = self.action_cls
        name = cls.__name__ if cls is not None else "Dummy"
        self._action_wrapper = MockActionWrapper(pack="tests", class_name=name)
        self.action_service = MockActionService(action_wrapper=self._action_wrapper)

    def get_action_instance(self, config=None):
        """Return an action with config and the service of the test."""
        return get_action_class_instance(self.action_cls, config=config, action_service=self.action_service)


class BaseSensorTestCase(BasePackResourceTestCase):
    """A test of the sensor in sensor_cls."""

    sensor_cls = None

    def setUp(self):
        super().setUp()
        cls = self.sensor_cls
        name = cls.__name__ if cls is not None else "Dummy"
        self._sensor_wrapper = MockSensorWrapper(pack="tests", class_name=name)
        self.sensor_service = MockSensorService(sensor_wrapper=self._sensor_wrapper)

    def get_sensor_instance(self, config=None, poll_interval=None):
        """Return a sensor with config and the service of the test."""
        arguments = {"config": config, "sensor_service": self.sensor_service}
        if poll_interval is not None:
            arguments["poll_interval"] = poll_interval
        return self.sensor_cls(**arguments)

    def get_dispatched_triggers(self):
        """Return what the sensor has dispatched."""
        return self.sensor_service.dispatched_triggers

    def get_last_dispatched_trigger(self):
        """Return what the sensor has dispatched last."""
        return self.sensor_service.dispatched_triggers[-1]

    def assertTriggerDispatched(self, trigger, payload=None, trace_context=None):  # noqa: N802 - unittest's way
        """Fail when the sensor has not dispatched this."""
        if not trigger:
            raise ValueError("trigger argument is not provided")
        for item in self.get_dispatched_triggers():
            if (
                item["trigger"] == trigger
                and (not payload or item["payload"] == payload)
                and (not trace_context or item.get("trace_context") == trace_context)
            ):
                return True
        raise AssertionError('Trigger "%s" hasn\'t been dispatched' % trigger)


class BaseActionAliasTestCase(BasePackResourceTestCase):
    """A test of the alias called action_alias_name."""

    action_alias_name = None
    action_alias_db = None

    def setUp(self):
        super().setUp()
        if not self.action_alias_name:
            raise ValueError('"action_alias_name" class attribute needs to be provided')
        self.action_alias_db = _Alias(self._load_alias(self.action_alias_name))

    def _load_alias(self, name):
        import yaml

        directory = os.path.join(self._pack_directory(), "aliases")
        for file in sorted(os.listdir(directory)):
            path = os.path.join(directory, file)
            with open(path, encoding="utf-8") as text:
                alias = json.load(text) if file.endswith(".json") else yaml.safe_load(text)
            if isinstance(alias, dict) and alias.get("name") == name:
                return alias
        raise ValueError('Alias with name "%s" not found' % name)

    def assertCommandMatchesExactlyOneFormatString(self, format_strings, command):  # noqa: N802
        """Fail unless one format and no other matches the command."""
        matched = [f for f in format_strings if self._matches(f, command)]
        if len(matched) != 1:
            raise AssertionError(
                'Command "%s" matched %d format strings: %s' % (command, len(matched), ", ".join(matched))
                if matched
                else 'Command "%s" didn\'t match any of the provided format strings' % command
            )

    def assertCommandMatchesFormatString(self, format_string, command):  # noqa: N802
        """Fail unless the format matches the command."""
        if not self._matches(format_string, command):
            raise AssertionError('Command "%s" didn\'t match format string "%s"' % (command, format_string))

    def assertExtractedParametersMatch(self, format_string, command, parameters):  # noqa: N802
        """Fail unless the command has these parameters by the format."""
        from st2tests.aliases import extract_parameters

        found = extract_parameters(format_string, command)
        if found != parameters:
            raise AssertionError(
                'Extracted parameters from command string "%s" against format string "%s" didn\'t match the '
                "provided parameters: %s" % (command, format_string, found)
            )

    @staticmethod
    def _matches(format_string, command):
        from st2tests.aliases import ParseException, extract_parameters

        try:
            extract_parameters(format_string, command)
        except ParseException:
            return False
        return True


class _Alias:
    """An alias with its members as attributes."""

    def __init__(self, doc):
        self.__dict__.update(doc)
        self._doc = doc

    def get_format_strings(self):
        """Return the representations of all formats."""
        from st2tests.aliases import formats_of

        return [representation for _, representation in formats_of(self._doc)]


class RunnerTestCase(unittest.TestCase):
    """A test of a runner."""
