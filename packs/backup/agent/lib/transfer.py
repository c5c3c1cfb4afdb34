"""One pass over a disk: read, hashed, written on.

A few threads take block after block, so that reading, hashing and writing overlap;
the hash of a block is that of the very bytes that were written. What is written to
has connect(), whose value has pwrite(data, offset), zero(length, offset), shutdown().
"""

import contextlib
import threading

from blocks import BLOCK, is_zero
import direct
import nbdio
import qcow2


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
    """One pass over a disk, by changed() or all(). `read` and `payload` are bytes."""

    def __init__(self, source, blocks, to=None, limiter=None, progress=None):
        self.source, self.blocks, self.to = source, blocks, to
        self.limiter, self.progress = limiter, progress
        self.read = self.payload = 0
        self._stop = threading.Event()
        self._next = threading.Lock()
        self._problem = None

    def changed(self):
        """Reads the blocks that the disk's bitmap calls dirty, and writes their dirty clusters."""
        self._run(lambda h: _by_block(nbdio.ranges(h, self.blocks.size, self.source.bitmap, lambda flags: flags & nbdio.DIRTY)), _write_parts)

    def all(self, clear=False):
        """Reads all that is not known to be zero. clear=True also writes the zeros, to
        something that was not empty before."""
        self._run(lambda h: _by_block(nbdio.ranges(h, self.blocks.size, nbdio.ALLOCATION, lambda flags: not flags & nbdio.ZERO)),
                  _write_all if clear else _write_data)
        if clear and self.to:
            self._clear()

    def _run(self, plan, write):
        first = self.source.connect()
        try:
            with nbdio.as_failure(self.source.path):
                work = plan(first)
                threads = [threading.Thread(target=self._worker, args=(work, write), daemon=True) for _ in range(nbdio.THREADS)]
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
                with nbdio.as_failure(self.to.path):
                    to.shutdown()
            source.shutdown()
        except Exception as e:
            self._problem = self._problem or e
            self._stop.set()

    def _blocks(self, work, write, source, to):
        memory = direct.buffer()
        while not self._stop.is_set():
            with self._next:
                with nbdio.as_failure(self.source.path):
                    index, parts = next(work, (None, None))
            if index is None:
                return
            start = index * BLOCK
            length = min(BLOCK, self.blocks.size - start)
            data = memory[:length]
            if self.limiter:
                self.limiter.take(length, self._stop)
            with nbdio.as_failure(self.source.path):
                source.read(data, start)
            holds = self.blocks.put(index, data)
            written = 0
            if to:
                with nbdio.as_failure(self.to.path):
                    written = write(to, data, start, parts, holds)
            with self._next:
                self.read += length
                self.payload += written

    def _clear(self):
        h = self.to.connect()
        with nbdio.as_failure(self.to.path):
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
        h.pwrite(data[begin:end], start + begin)
        written += end - begin
    return written


def _write_all(h, data, start, _parts, holds):
    """Writes a block onto a disk that may hold something. One of zeros comes later."""
    if holds:
        h.pwrite(data, start)
    return len(data) if holds else 0


def _data_runs(data):
    """The runs of clusters in a block that are not zero."""
    begin = None
    for at in range(0, len(data), qcow2.CLUSTER):
        if not data[at] and is_zero(data[at:at + qcow2.CLUSTER]):
            if begin is not None:
                yield begin, at
            begin = None
        elif begin is None:
            begin = at
    if begin is not None:
        yield begin, len(data)


def _write_parts(h, data, start, parts, _holds):
    """Writes the clusters in which parts of a block are, zeros too: they hide what the
    base has there."""
    written = 0
    clusters = sorted({at for begin, end in parts
                       for at in range((begin - start) // qcow2.CLUSTER * qcow2.CLUSTER, end - start, qcow2.CLUSTER)})
    for at in clusters:
        part = data[at:at + qcow2.CLUSTER]
        if is_zero(part):
            h.zero(len(part), start + at)
        else:
            h.pwrite(part, start + at)
            written += len(part)
    return written
