"""Disks that are read over NBD: a qemu-nbd of ours, or libvirt's export of a machine
that runs."""

import bisect
import contextlib
import errno
import json
import os
import subprocess
import tempfile
import time

from failure import Failure
import direct
import image
import target
import tools
import work

THREADS = 4  # each has a connection of its own
ALLOCATION = "base:allocation"
ZERO, DIRTY = 2, 1  # flags of ALLOCATION, of a bitmap


class Disk:
    """An NBD export on a socket of this host."""

    def __init__(self, path, socket, export="", bitmap=None):
        self.path, self.socket, self.export, self.bitmap = path, socket, export, bitmap

    def connect(self):
        nbd = tools.libnbd()
        h = nbd.NBD()
        h.add_meta_context(ALLOCATION)
        if self.bitmap:
            h.add_meta_context(self.bitmap)
        h.set_export_name(self.export)
        with as_failure(self.path):
            h.connect_unix(self.socket)
        return Connection(h)

    def size(self):
        h = self.connect()
        try:
            return h.get_size()
        finally:
            h.shutdown()


class Connection:
    """libnbd's handle, which can read into memory that is used again and again: fresh
    memory for each block costs more than all the rest."""

    def __init__(self, h):
        self._h = h

    def __getattr__(self, name):
        return getattr(self._h, name)

    def read(self, view, start):
        """Fills view with what the disk has from start on."""
        share = getattr(tools.libnbd().Buffer, "from_buffer", None)
        if share is None:  # before libnbd 1.12
            view[:] = self._h.pread(len(view), start)
            return
        reading = self._h.aio_pread(share(view), start)
        while not self._h.aio_command_completed(reading):
            self._h.poll(-1)


class Server(Disk):
    """A qemu-nbd that serves one image, in a `with`. It ends with us."""

    def __init__(self, path, node, bitmap=None):
        super().__init__(path, None, bitmap=f"qemu:dirty-bitmap:{bitmap}" if bitmap else None)
        self._node, self._name = node, bitmap
        self._process, self._closing = None, contextlib.ExitStack()
        self.words = ""

    def __enter__(self):
        words = ["qemu-nbd", "--read-only", "--persistent", "--shared", str(THREADS + 1)]
        if self._name:
            words += ["--bitmap", self._name]
        try:
            directory = self._closing.enter_context(work.directory(tempfile.gettempdir()))  # a socket's path must be short
            self.socket = os.path.join(directory, "nbd")
            self._said = self._closing.enter_context(open(os.path.join(directory, "said"), "w+", encoding="utf-8", errors="replace"))
            self._process = tools.start(*words, "--socket", self.socket, "json:" + json.dumps(self._node),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._said)
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def _wait(self):
        tools.libnbd()
        until = time.monotonic() + 60
        while not os.path.exists(self.socket) or not self._answers():
            if self._process.poll() is not None:
                raise image.of_qemu(self.path, self._words())
            if time.monotonic() > until:
                raise Failure("io", f"{self.path}: qemu-nbd did not begin within a minute")
            time.sleep(0.005)

    def _answers(self):
        try:
            self.connect().shutdown()
            return True
        except Failure:
            return False

    def _words(self):
        self._said.seek(0)
        return self._said.read()

    def __exit__(self, kind, *_):
        code = self._end()
        if kind is None and code != 0:
            raise image.of_qemu(self.path, self.words or f"qemu-nbd ended with status {code}")

    def _end(self):
        code = 0
        if self._process:
            self._process.terminate()
            code = self._process.wait()
            self.words = self._words()
        self._closing.close()
        return code


class Image(Server):
    """An image file whose bytes are read from the file itself where they lie in it as
    they are, and through qemu-nbd (compressed, in a base) where they do not. Its
    qemu-nbd keeps everybody from changing the image meanwhile."""

    def __enter__(self):
        super().__enter__()
        try:
            self._file = direct.File(self.path, os.O_RDONLY)
            self._starts, self._extents = image.plain_extents(self.path, self._node, self._file.fd)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *how):
        if not self._file.direct:
            # It was read once: the host's memory is for others. Once for all of it, for
            # each such call makes the kernel look at all processors.
            os.posix_fadvise(self._file.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        self._file.close()
        super().__exit__(*how)

    def connect(self):
        return _Shortcut(super().connect(), self)

    def lies_at(self, start, length):
        """The file's offset of a part of the disk, or None."""
        i = bisect.bisect_right(self._starts, start) - 1
        if i < 0:
            return None
        begin, end, offset = self._extents[i]
        return offset + start - begin if start + length <= end else None

    def read(self, view, start):
        """Fills view from the file, if it can."""
        offset = self.lies_at(start, len(view))
        # Less comes at the end of a file that is no whole number of sectors.
        return offset is not None and self._file.read(view, offset) == len(view)


class _Shortcut:
    """A connection to an Image."""

    def __init__(self, connection, source):
        self._connection, self._source = connection, source

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def read(self, view, start):
        if not self._source.read(view, start):
            self._connection.read(view, start)


def ranges(h, size, context, wanted):
    """The parts of a disk with wanted(flags), merged, in order."""
    if not h.can_meta_context(context):
        if size:
            yield 0, size
        return
    begin = end = 0
    at = 0
    while at < size:
        seen = []

        def extent(name, offset, entries, _error):
            if name == context:
                seen.append((offset, list(entries)))

        h.block_status(min(size - at, 1 << 30), at, extent)
        if not seen:
            raise Failure("io", f"the server does not say what is in {context}")
        for offset, entries in seen:
            at = offset
            for length, flags in zip(entries[::2], entries[1::2]):
                length = min(length, size - at)
                if wanted(flags):
                    if begin == end or at != end:
                        if begin != end:
                            yield begin, end
                        begin = at
                    end = at + length
                at += length
    if begin != end:
        yield begin, end


@contextlib.contextmanager
def as_failure(path):
    nbd = tools.libnbd()
    try:
        yield
    except nbd.Error as e:
        if e.errnum in (errno.ENOSPC, errno.EDQUOT):
            raise Failure("no-space", f"{path}: the file system is full", path=path, free=0, needed=None) from None
        raise Failure("io", f"{path}: {e.string}", path=path) from None
    except OSError as e:
        raise target.of_os(e, path) from None
