"""The end of an action's process.

What Python promises happens: threads are waited for, atexit runs, what the
action's modules hold is dropped, so that files are flushed and __del__ is called.
What Python also does is taking down every module that was loaded before the fork,
which takes four times as long as everything else together; it is left out.
"""

import atexit
import gc
import os
import sys
import threading

__all__ = ["Modules", "end"]


class Modules:
    """The modules that are loaded now: not the action's."""

    def __init__(self):
        self._names = frozenset(sys.modules)
        self._last = next(reversed(sys.modules))

    def added(self):
        """Return the modules that were loaded since, the latest first."""
        found = []
        # New ones are at the end. To look at all would touch, and so copy, every
        # page that holds a module.
        for name in reversed(sys.modules):
            if name == self._last:
                break
            module = sys.modules[name]
            if name not in self._names and module is not None:
                found.append(module)
        return found


def end(status, before):
    """End the process; before are the Modules that are not the action's."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        if threading.active_count() == 1:  # a daemon thread must not find its globals gone
            _drop(before)
    except BaseException:  # a SystemExit in a handler, a signal: as at Python's own end
        sys.excepthook(*sys.exc_info())
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # closed, or nobody reads it
    os._exit(status)


def _drop(before):
    for module in before.added():
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict):
            for name in [n for n in names if not n.startswith("__")]:
                names[name] = None  # not deleted: what still runs finds None, as at Python's own end
    gc.collect()
