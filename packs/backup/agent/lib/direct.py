"""Large files, read and written past the kernel's cache where they lie on a disk of
this host.

A backup reads what nobody reads soon again, and what it has written has to be read
from the disk: the cache would only cost copying, and push out what the machines on the
host need. File systems without such a disk (NFS, sshfs, memory) go through the cache,
which gathers what is sent to the server.
"""

import errno
import mmap
import os
import stat

import blocks


def buffer(size=blocks.BLOCK):
    """Memory where devices can put what they read."""
    return memoryview(mmap.mmap(-1, size))


class File:
    """An open file. `fd` goes through the cache; so does what is not aligned as the
    disk wants it. Threads may share it."""

    def __init__(self, path, flags):
        self.fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
        self._direct = None
        try:
            if _on_disk(self.fd):
                again = flags & ~(os.O_CREAT | os.O_EXCL)
                # By its descriptor: the name may be another file's by now.
                self._direct = os.open(f"/proc/self/fd/{self.fd}", again | os.O_DIRECT | os.O_CLOEXEC)
        except OSError:
            pass  # it knows no such thing

    @property
    def direct(self):
        """Whether what is aligned goes past the cache."""
        return self._direct is not None

    def close(self):
        for fd in (self.fd, self._direct):
            if fd is not None:
                os.close(fd)

    def read(self, view, offset):
        """Reads as much as the file has for view; returns how much."""
        done = 0
        while done < len(view):
            count = self._move(os.preadv, [view[done:]], offset + done)
            if not count:
                break
            done += count
        return done

    def write(self, data, offset):
        view = memoryview(data)
        while view:
            done = self._move(os.pwritev, [view], offset)
            view, offset = view[done:], offset + done

    def _move(self, call, views, offset):
        if self._direct is not None:
            try:
                return call(self._direct, views, offset)
            except OSError as e:
                if e.errno != errno.EINVAL:
                    raise
        return call(self.fd, views, offset)


def _on_disk(fd):
    s = os.fstat(fd)
    return stat.S_ISBLK(s.st_mode) or os.major(s.st_dev) != 0
