"""The base classes of sensors."""

import abc

__all__ = ["Sensor", "PollingSensor"]


class BaseSensor(abc.ABC):
    """A sensor: it finds out what happens and dispatches it as trigger instances.

    Attributes, each under two names as packs use them:
      sensor_service, _sensor_service: dispatches, logs, keeps values.
      config, _config: the pack's configuration.
    """

    def __init__(self, sensor_service, config=None):
        self._sensor_service = sensor_service
        self._config = config or {}

    @property
    def sensor_service(self):
        """What dispatches triggers."""
        return self._sensor_service

    @sensor_service.setter
    def sensor_service(self, service):
        self._sensor_service = service

    @property
    def config(self):
        """The pack's configuration."""
        return self._config

    @config.setter
    def config(self, config):
        self._config = config

    @abc.abstractmethod
    def setup(self):
        """Prepare: called once, before run or poll."""

    @abc.abstractmethod
    def cleanup(self):
        """Tidy up: called once, at the end."""

    @abc.abstractmethod
    def add_trigger(self, trigger):
        """Somebody wants to know of trigger from now on."""

    @abc.abstractmethod
    def update_trigger(self, trigger):
        """The parameters of trigger have changed."""

    @abc.abstractmethod
    def remove_trigger(self, trigger):
        """Nobody wants to know of trigger any more."""


class Sensor(BaseSensor):
    """A sensor that waits by itself."""

    @abc.abstractmethod
    def run(self):
        """Watch, for as long as the sensor lives."""


class PollingSensor(BaseSensor):
    """A sensor that is asked every poll_interval seconds."""

    def __init__(self, sensor_service, config=None, poll_interval=5):
        super().__init__(sensor_service=sensor_service, config=config)
        self._poll_interval = poll_interval

    @abc.abstractmethod
    def poll(self):
        """Look once."""

    def run(self):
        """Poll for ever; poll must not wait for long."""
        import time

        while True:
            self.poll()
            time.sleep(self._poll_interval)

    def get_poll_interval(self):
        """Return the seconds between two polls."""
        return self._poll_interval

    def set_poll_interval(self, poll_interval):
        """Change the seconds between two polls."""
        self._poll_interval = poll_interval
