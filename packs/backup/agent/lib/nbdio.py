"""Reading and writing disks block by block, over NBD, in one pass.

A Server is a qemu-nbd of ours; a Disk is anything that speaks NBD on a socket, also
libvirt's export of a running machine. `transfer` reads blocks with a few threads,
each with its own connections, hashes them and writes them on: the hash is that of
the very bytes that were written.
"""

import contextlib
import errno
import os
import tempfile
import threading
import time

from blocks import BLOCK, is_zero
from failure import Failure
import image
import json
import shutil
import tools

THREADS = 3
_CLUSTER = 64 << 10
_ALLOCATION = "base:allocation"
_HOLE, _ZERO, _DIRTY = 1, 2, 1


class Disk:
    """An NBD export on a socket of this host."""

    def __init__(self, path, socket, export="", bitmap=None):
        self.path, self.socket, self.export, self.bitmap = path, socket, export, bitmap

    def connect(self):
        nbd = tools.libnbd()
        h = nbd.NBD()
        h.add_meta_context(_ALLOCATION)
        if self.bitmap:
            h.add_meta_context(self.bitmap)
        h.set_export_name(self.export)
        with _as_failure(self.path):
            h.connect_unix(self.socket)
        return h


    def size(self):
        h = self.connect()
        try:
            return h.get_size()
        finally:
            h.shutdown()


class Server(Disk):
    """A qemu-nbd that serves one image, in a `with`. It ends with us."""

    def __init__(self, path, node, write=False, bitmap=None):
        super().__init__(path, None, bitmap=f"qemu:dirty-bitmap:{bitmap}" if bitmap else None)
        self._node, self._write, self._name = node, write, bitmap
        self._process = self._directory = None

    def __enter__(self):
        self._directory = tempfile.mkdtemp(prefix="sqnbd-")  # a socket's path must be short
        self.socket = os.path.join(self._directory, "s")
        words = ["qemu-nbd", "--persistent", "--socket", self.socket, "--shared", str(THREADS + 1)]
        if self._write:
            # Nothing is promised before commit, which brings the file to the disk.
            words += ["--cache=unsafe", "--discard=unmap"]
        else:
            words += ["--read-only"]
        if self._name:
            words += ["--bitmap", self._name]
        try:
            self._said = open(os.path.join(self._directory, "said"), "w+", encoding="utf-8", errors="replace")
            self._process = tools.start(*words, "json:" + json.dumps(self._node), stdin=-3, stdout=-3, stderr=self._said)
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
            time.sleep(0.02)

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
        """Ends it in good order: an image that was written is closed by that."""
        code = 0
        if self._process:
            self._process.terminate()
            code = self._process.wait()
            self.words = self._words()
        shutil.rmtree(self._directory, ignore_errors=True)
        return code


def _ranges(h, size, context, wanted):
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


def _by_block(ranges):
    """Groups ranges by the block they are in: (index, [(start, end), ...])."""
    index, parts = None, []
    for start, end in ranges:
        while start < end:
            block = start // BLOCK
            stop = min(end, (block + 1) * BLOCK)
            if block != index:
                if parts:
                    yield index, parts
                index, parts = block, []
            parts.append((start, stop))
            start = stop
    if parts:
        yield index, parts


class Transfer:
    """One pass over a disk. After run(), `read` and `payload` are bytes."""

    def __init__(self, source, blocks, to=None, limiter=None, progress=None):
        self.source, self.blocks, self.to = source, blocks, to
        self.limiter, self.progress = limiter, progress
        self.read = self.payload = 0
        self._stop = threading.Event()
        self._next = threading.Lock()
        self._problem = None

    def changed(self):
        """Reads the blocks that the disk's bitmap calls dirty; of them it writes the
        dirty parts alone, zeros too, for they hide what the base has there."""
        self._run(lambda h: _by_block(_ranges(h, self.blocks.size, self.source.bitmap, lambda flags: flags & _DIRTY)), _write_parts)

    def all(self, clear=False):
        """Reads all that is not known to be zero. clear=True also writes the zeros, to
        something that was not empty before."""
        self._run(lambda h: _by_block(_ranges(h, self.blocks.size, _ALLOCATION, lambda flags: not flags & _ZERO)), _write_data)
        if clear and self.to:
            self._clear()

    def _run(self, plan, write):
        first = self.source.connect()
        try:
            with _as_failure(self.source.path):
                work = plan(first)
                threads = [threading.Thread(target=self._worker, args=(work, write), daemon=True) for _ in range(THREADS)]
                self._each(threads)
        finally:
            with contextlib.suppress(Exception):
                first.shutdown()

    def _each(self, threads):
        for t in threads:
            t.start()
        try:
            for t in threads:
                while t.is_alive():
                    t.join(0.2)  # lets signals through
                    if self.progress:
                        self.progress.at(self.read)
        finally:
            self._stop.set()
            for t in threads:
                t.join()
        if self._problem:
            raise self._problem

    def _worker(self, work, write):
        source = to = None
        try:
            source = self.source.connect()
            to = self.to.connect() if self.to else None
            self._blocks(work, write, source, to)
            if to:
                with _as_failure(self.to.path):
                    to.shutdown()
            source.shutdown()
        except Exception as e:
            self._problem = self._problem or e
            self._stop.set()

    def _blocks(self, work, write, source, to):
        while not self._stop.is_set():
            with self._next:
                with _as_failure(self.source.path):
                    index, parts = next(work, (None, None))
            if index is None:
                return
            start = index * BLOCK
            length = min(BLOCK, self.blocks.size - start)
            if self.limiter:
                self.limiter.take(length, self._stop)
            with _as_failure(self.source.path):
                data = source.pread(length, start)
            holds = self.blocks.put(index, data)
            written = 0
            if to:
                with _as_failure(self.to.path):
                    written = write(to, data, start, parts, holds)
            with self._next:
                self.read += length
                self.payload += written

    def _clear(self):
        h = self.to.connect()
        with _as_failure(self.to.path):
            for index in range(self.blocks.count):
                if not any(self.blocks[index]):
                    start = index * BLOCK
                    h.zero(min(BLOCK, self.blocks.size - start), start)
            h.shutdown()


def _write_data(h, data, start, _parts, holds):
    """Writes the clusters of a block that are not zero, onto a disk that is."""
    if not holds:
        return 0
    written = 0
    for begin, end in _data_runs(data):
        # The whole block is the common case, and then nothing is copied.
        h.pwrite(data if end - begin == len(data) else data[begin:end], start + begin)
        written += end - begin
    return written


def _data_runs(data):
    """The runs of clusters in a block that are not zero."""
    begin = None
    for at in range(0, len(data), _CLUSTER):
        if is_zero(data[at:at + _CLUSTER]):
            if begin is not None:
                yield begin, at
            begin = None
        elif begin is None:
            begin = at
    if begin is not None:
        yield begin, len(data)


def _write_parts(h, data, start, parts, _holds):
    written = 0
    for begin, end in parts:
        part = data[begin - start:end - start]
        if is_zero(part):
            h.zero(len(part), begin)
        else:
            h.pwrite(part, begin)
            written += len(part)
    return written


@contextlib.contextmanager
def _as_failure(path):
    nbd = tools.libnbd()
    try:
        yield
    except nbd.Error as e:
        if e.errnum in (errno.ENOSPC, errno.EDQUOT):
            raise Failure("no-space", f"{path}: the file system is full", path=path, free=0, needed=None) from None
        raise Failure("io", f"{path}: {e.string}", path=path) from None
