"""Pools of threads with eventlet's names."""

import collections
import threading

from eventlet.greenthread import GreenThread

__all__ = ["GreenPool", "GreenPile"]


class GreenPool:
    """At most size calls at once."""

    def __init__(self, size=1000):
        self.size = size
        self._room = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._running = set()

    def spawn(self, function, *args, **kwargs):
        """Call function in a thread, as soon as there is room."""
        self._room.acquire()
        thread = GreenThread(self._call, (function, args, kwargs), {})
        with self._lock:
            self._running.add(thread)
        thread.link(self._forget)
        return thread

    def _call(self, function, args, kwargs):
        try:
            return function(*args, **kwargs)
        finally:
            self._room.release()

    def _forget(self, thread):
        with self._lock:
            self._running.discard(thread)

    spawn_n = spawn

    def waitall(self):
        """Wait until nothing runs."""
        while True:
            with self._lock:
                thread = next(iter(self._running), None)
            if thread is None:
                return
            thread._done.wait()
            self._forget(thread)

    def running(self):
        """Return how many calls run."""
        with self._lock:
            return len(self._running)

    def free(self):
        """Return how many more could."""
        return self.size - self.running()

    def imap(self, function, *iterables):
        """Call function with the items, many at once; yield the values in order."""
        threads = collections.deque(self.spawn(function, *args) for args in zip(*iterables))
        while threads:
            yield threads.popleft().wait()

    starmap = staticmethod(lambda function, iterable: (function(*args) for args in iterable))


class GreenPile:
    """Calls whose values are wanted in order."""

    def __init__(self, size_or_pool=1000):
        self.pool = size_or_pool if isinstance(size_or_pool, GreenPool) else GreenPool(size_or_pool)
        self._threads = collections.deque()

    def spawn(self, function, *args, **kwargs):
        """Call function in a thread."""
        self._threads.append(self.pool.spawn(function, *args, **kwargs))

    def __iter__(self):
        return self

    def __next__(self):
        if not self._threads:
            raise StopIteration
        return self._threads.popleft().wait()

    next = __next__
