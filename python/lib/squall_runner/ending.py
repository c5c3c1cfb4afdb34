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

__all__ = ["end"]


def end(status, before):
    """End the process; before is the set of modules that are not the action's."""
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
    modules = [module for name, module in list(sys.modules.items()) if name not in before and module is not None]
    for module in reversed(modules):
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict):
            for name in [n for n in names if not n.startswith("__")]:
                names[name] = None  # not deleted: what still runs finds None, as at Python's own end
    gc.collect()
