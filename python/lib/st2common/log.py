"""Logging as StackStorm's modules do it: `from st2common import log as logging`."""

import logging
from logging import *  # noqa: F401,F403 - packs use this module in place of logging

__all__ = ["AUDIT", "getLogger", "setup"]

AUDIT = logging.CRITICAL + 10
logging.addLevelName(AUDIT, "AUDIT")
logging.AUDIT = AUDIT


def _audit(self, msg, *args, **kwargs):
    """Log with level AUDIT, which is above CRITICAL."""
    if self.isEnabledFor(AUDIT):
        self._log(AUDIT, msg, args, **kwargs)


if not hasattr(logging.Logger, "audit"):
    logging.Logger.audit = _audit


def getLogger(name):  # noqa: N802 - the name is StackStorm's
    """Return the logger st2.NAME, without a leading st2 doubled."""
    prefix = "st2."
    return logging.getLogger(name if name.startswith(prefix) else prefix + name)


def setup(*_args, **_kwargs):
    """Do nothing: how actions log is the runner's business."""
