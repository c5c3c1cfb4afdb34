"""Processes: dying with one's parent, limits, descriptors."""

import ctypes
import os
import resource
import signal

__all__ = ["die_with_parent", "limit_memory", "close_all_but"]

_PR_SET_PDEATHSIG = 1

try:
    _prctl = ctypes.CDLL(None, use_errno=True).prctl
except (OSError, AttributeError):  # not Linux: development machines
    _prctl = None


def die_with_parent(parent=None):
    """Have the kernel kill this process when its parent ends; parent is whom it should be."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)  # it ended before we asked


def limit_memory(size):
    """Bound the address space of this process and its children, in bytes; 0: leave it."""
    if size:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        if hard != resource.RLIM_INFINITY:
            size = min(size, hard)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def close_all_but(keep):
    """Close every descriptor above stderr that is not in keep."""
    low = 3
    for fd in sorted(keep):
        if fd >= low:
            os.closerange(low, fd)
            low = fd + 1
    os.closerange(low, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 16))
