"""How a call lives and dies: signals, a lost connection, priority, progress.

Every way of ending but KILL becomes one exception, Canceled, in the main thread, so
that `finally` is the only place where cleaning up is written. What KILL leaves is
found by its locks (work.py, target.py).
"""

import contextlib
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time

from failure import Canceled, Failure

_shields = 0
_pending = None


def _arrived(signum, _frame):
    global _pending
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # cleaning up has begun; KILL remains
    if _shields:
        _pending = signum
        return
    raise Canceled(signum)


def watch():
    """Turns TERM, INT, HUP and the loss of the reader of our output into Canceled."""
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, _arrived)
    threading.Thread(target=_watch_reader, name="reader", daemon=True).start()


def _watch_reader():
    """Waits for the other end of standard output to go away: a broken connection
    sends no signal to a command that has no terminal."""
    mode = os.fstat(1).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return
    poll = select.poll()
    poll.register(1, 0)  # errors and hang-ups are always told
    while not poll.poll():
        pass
    os.kill(os.getpid(), signal.SIGHUP)


@contextlib.contextmanager
def shield():
    """Holds a signal back until the block is done: for moves that must not be halved."""
    global _shields, _pending
    _shields += 1
    try:
        yield
    finally:
        _shields -= 1
        if not _shields and _pending is not None:
            signum, _pending = _pending, None
            raise Canceled(signum)


@contextlib.contextmanager
def surely(undo, within):
    """Runs undo after the block, whatever happens to this process: in a child that
    waits for us to be done or dead, but no longer than that many seconds. The value is
    a function that says whether undo has not begun yet."""
    ours, its = os.pipe()
    child = os.fork()
    if child == 0:
        _undo(ours, its, undo, within)
    os.close(ours)
    running = True

    def waits():
        nonlocal running
        if running and os.waitpid(child, os.WNOHANG)[0]:
            running = False
        return running

    try:
        yield waits
    finally:
        with shield():
            os.close(its)
            if running:
                os.waitpid(child, 0)


def _undo(ours, its, undo, within):
    status = 1
    try:
        os.setsid()
        wake, woken = os.pipe()
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, lambda *_: os.write(woken, b"x"))  # who ends us wants it undone now
        quiet = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(quiet, fd)
        os.close(its)
        select.select([ours, wake], [], [], within)
        undo()
        status = 0
    finally:
        os._exit(status)


def yield_to_others():
    """Gives way to everything else on the host, for processor and disks; children
    inherit it."""
    with contextlib.suppress(OSError):
        os.nice(19)
    if shutil.which("ionice"):
        subprocess.run(["ionice", "-c3", "-p", str(os.getpid())], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def not_missed(not_after):
    """Fails when the moment (seconds since 1970, or None) has passed."""
    if not_after is not None and time.time() > not_after:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(not_after))
        raise Failure("missed", f"the window was over at {at}", not_after=at)


class Progress:
    """Says on standard error every few seconds how far the work has come."""

    def __init__(self, what, total, every=5.0):
        self.what, self.total, self.every = what, total, every
        self.last = time.monotonic()

    def at(self, done):
        now = time.monotonic()
        if now - self.last < self.every:
            return
        self.last = now
        percent = 100 * done // self.total if self.total else 100
        print(f"{self.what}: {done >> 20} of {self.total >> 20} MiB, {percent} %", file=sys.stderr, flush=True)


class Limiter:
    """Keeps a rate of bytes per second, over all threads that take from it."""

    def __init__(self, rate):
        self.rate = rate
        self.lock = threading.Lock()
        self.free_at = time.monotonic()

    def take(self, count, stop=None):
        """Waits until count bytes may pass. stop is an Event that ends the waiting."""
        if not self.rate:
            return
        with self.lock:
            now = time.monotonic()
            # A quarter of a second may be made up for, no more.
            self.free_at = max(self.free_at, now - 0.25) + count / self.rate
            wait = self.free_at - now
        if wait > 0:
            (stop or threading.Event()).wait(wait)
