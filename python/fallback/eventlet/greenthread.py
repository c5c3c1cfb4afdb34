"""Threads with eventlet's names."""

import threading
import time

__all__ = ["GreenThread", "getcurrent", "sleep", "spawn", "spawn_after", "spawn_n", "kill"]


class GreenThread:
    """A call in a thread of its own."""

    def __init__(self, function, args, kwargs, after=0):
        self._function, self._args, self._kwargs, self._after = function, args, kwargs, after
        self._done = threading.Event()
        self._value = self._error = None
        self._links = []
        self._cancelled = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        if self._after:
            time.sleep(self._after)
        if not self._cancelled:
            try:
                self._value = self._function(*self._args, **self._kwargs)
            except BaseException as error:
                self._error = error
        self._done.set()
        for function, args, kwargs in self._links:
            function(self, *args, **kwargs)

    def wait(self):
        """Wait for the end; return the value or raise the exception."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value

    def link(self, function, *args, **kwargs):
        """Have function called at the end."""
        if self._done.is_set():
            function(self, *args, **kwargs)
        else:
            self._links.append((function, args, kwargs))

    def cancel(self, *_throw_args):
        """Do not begin, if it has not."""
        self._cancelled = True

    def kill(self, *_throw_args):
        """Do not begin, if it has not; a call that runs goes on until the process ends."""
        self._cancelled = True

    @property
    def dead(self):
        """Whether it has ended."""
        return self._done.is_set()


def spawn(function, *args, **kwargs):
    """Call function in a thread."""
    return GreenThread(function, args, kwargs)


spawn_n = spawn


def spawn_after(seconds, function, *args, **kwargs):
    """Call function in a thread, seconds from now."""
    return GreenThread(function, args, kwargs, after=seconds)


def getcurrent():
    """Return something that tells this thread from others."""
    return threading.current_thread()


def kill(thread, *throw_args):
    """See GreenThread.kill."""
    thread.kill(*throw_args)


def sleep(seconds=0):
    """Wait."""
    time.sleep(seconds or 0)
