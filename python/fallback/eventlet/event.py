"""An event that carries a value."""

import threading

__all__ = ["Event"]


class Event:
    """A value that is sent once and waited for."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Be as new."""
        self._sent = threading.Event()
        self._value = self._error = None

    def ready(self):
        """Say whether it was sent."""
        return self._sent.is_set()

    def send(self, result=None, exc=None):
        """Send a value, or an exception."""
        self._value, self._error = result, exc
        self._sent.set()

    def send_exception(self, error):
        """Send an exception."""
        self.send(exc=error)

    def wait(self, timeout=None):
        """Wait for the value; None when it does not come in time."""
        self._sent.wait(timeout)
        if self._error is not None:
            raise self._error
        return self._value
