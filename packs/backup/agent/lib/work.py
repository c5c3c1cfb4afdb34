"""Directories for what a call needs only while it runs.

Each holds a lock file that its owner keeps locked, so that one that a killed call
left behind is known for sure and removed by `reap` or the next call.
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time

from failure import Failure

_PREFIX = "squall-backup-"
NOTE = "undo.json"


@contextlib.contextmanager
def directory(base, run=""):
    """A fresh directory below base, for the user alone, removed at the end."""
    sweep(base)
    try:
        path = tempfile.mkdtemp(prefix=f"{_PREFIX}{run + '-' if run else ''}", dir=base)
    except OSError as e:
        raise Failure("io", f"a work directory below {base}: {e.strerror}", path=base) from None
    lock = None
    try:
        # Locked before it has its name: a sweep between the two would take the directory
        # for one that nobody owns.
        fresh = os.path.join(path, ".lock.new")
        lock = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.rename(fresh, os.path.join(path, ".lock"))
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def sweep(base, undo=None):
    """Removes the work directories below base whose owners are gone; returns them. One
    with a note of what is to be undone stays, unless undo does it: it gets the note."""
    removed = []
    try:
        names = sorted(os.listdir(base))
    except OSError:
        return removed
    for name in names:
        path = os.path.join(base, name)
        if not name.startswith(_PREFIX) or os.path.islink(path) or not _abandoned(path):
            continue
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(path, NOTE), encoding="utf-8") as f:
                note = f.read()
            if undo is None:
                continue
            undo(json.loads(note))
        shutil.rmtree(path, ignore_errors=True)
        removed.append(path)
    return removed


def _abandoned(path):
    try:
        lock = os.open(os.path.join(path, ".lock"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        # Made this instant, or its owner died in that instant.
        with contextlib.suppress(OSError):
            return time.time() - os.stat(path).st_mtime > 3600
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
