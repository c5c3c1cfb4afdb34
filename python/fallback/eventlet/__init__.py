"""What packs use of eventlet, on threads, for environments without it.

Written for Squall. Green threads become daemon threads, so that code which waits
runs at once with other code, as with eventlet; monkey_patch has nothing to do. A
thread cannot be interrupted: kill() and Timeout around code that blocks for ever do
not end it. Install the real eventlet where that matters.
"""

import time

from eventlet.greenpool import GreenPile, GreenPool
from eventlet.greenthread import GreenThread, getcurrent, spawn, spawn_after, spawn_n

__version__ = "0.0.0+squall"
__all__ = [
    "GreenPile",
    "GreenPool",
    "GreenThread",
    "Timeout",
    "getcurrent",
    "monkey_patch",
    "sleep",
    "spawn",
    "spawn_after",
    "spawn_n",
]


def sleep(seconds=0):
    """Wait."""
    time.sleep(seconds or 0)


def monkey_patch(*_modules, **_flags):
    """Do nothing: threads need no patches."""


def import_patched(module, *_modules, **_kwargs):
    """Import a module."""
    import importlib

    return importlib.import_module(module)


class Timeout(BaseException):
    """A bound on the time of a block, seen when the block has ended."""

    def __init__(self, seconds=None, exception=None):
        super().__init__(seconds)
        self.seconds = seconds
        self.exception = exception
        self._began = time.monotonic()
        self._off = False

    def cancel(self):
        """Forget it."""
        self._off = True

    def __enter__(self):
        self._began = time.monotonic()
        return self

    def __exit__(self, kind, value, tb):
        late = self.seconds is not None and time.monotonic() - self._began > self.seconds
        if kind is None and late and not self._off and self.exception is not False:
            raise self.exception if self.exception not in (None, True) else self
        return value is self and self.exception is False

