"""Writing a qcow2 file from its data, in one go.

qemu's own tools write one too, but what they are given goes through a socket and two
processes, which costs more than hashing and writing together. A file that is written
once and only appended to needs little of the format: every cluster is used once, and
the tables come last. What is written here is read by qemu itself before a copy
counts: that is what `verify` does.

Layout: header | data clusters in the order of arrival | L2 tables | L1 table |
refcount blocks | refcount table. See qemu's docs/interop/qcow2.txt.
"""

import array
import os
import struct
import sys
import threading

import direct
import target

CLUSTER = 64 << 10
_ENTRIES = CLUSTER // 8  # of an L2 table
_COUNTS = CLUSTER // 2  # of a refcount block
_COPIED = 1 << 63  # the cluster is used once
_ZERO = 1  # reads as zeros, whatever the base has
_AHEAD = 256 << 20


class Writer:
    """A new image, in a `with`; without an exception it is complete at the end. Threads
    may write to it at once, but not to the same cluster."""

    def __init__(self, path, size):
        self.path, self._size = path, size
        self._tables = {}  # by index in the L1 table
        self._next = 1  # cluster 0 is the header's
        self._lock = threading.Lock()
        self._file, self._length = None, 0

    def __enter__(self):
        try:
            self._file = direct.File(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except OSError as e:
            raise target.of_os(e, self.path) from None
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self._finish()
        except OSError as e:
            raise target.of_os(e, self.path) from None
        finally:
            self._file.close()

    def connect(self):
        return self

    def shutdown(self):
        pass

    def pwrite(self, data, offset):
        """Writes whole clusters; only the disk's last one may be shorter."""
        first, count = offset // CLUSTER, -(-len(data) // CLUSTER)
        with self._lock:
            at = self._next
            self._next += count
            for i in range(count):
                self._entry(first + i, (at + i) * CLUSTER | _COPIED)
            if self._file.direct and self._next * CLUSTER > self._length:
                # Writes past the cache that make the file longer wait for each other.
                self._length = self._next * CLUSTER + _AHEAD
                os.ftruncate(self._file.fd, self._length)
        self._file.write(data, at * CLUSTER)

    def zero(self, length, offset):
        with self._lock:
            for cluster in range(offset // CLUSTER, -(-(offset + length) // CLUSTER)):
                self._entry(cluster, _ZERO)

    def _entry(self, cluster, value):
        index, at = divmod(cluster, _ENTRIES)
        table = self._tables.get(index)
        if table is None:
            table = self._tables[index] = array.array("Q", bytes(CLUSTER))
        table[at] = value

    def _append(self, data):
        """Puts a table into clusters of its own; returns where."""
        at = self._next * CLUSTER
        self._file.write(data, at)
        self._next += -(-len(data) // CLUSTER)
        return at

    def _finish(self):
        length = max(1, -(-self._size // (CLUSTER * _ENTRIES)))
        top = array.array("Q", bytes(8 * length))
        for index, table in sorted(self._tables.items()):
            top[index] = self._append(_big_endian(table)) | _COPIED
        top_at = self._append(_big_endian(top))
        counts_at, counts_clusters = self._count_references()
        # The file ends with a whole cluster.
        os.ftruncate(self._file.fd, self._next * CLUSTER)
        self._file.write(struct.pack(
            ">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, CLUSTER.bit_length() - 1, self._size, 0, length, top_at,
            counts_at, counts_clusters, 0, 0, 0, 0, 0, 4, 104) + bytes(8), 0)

    def _count_references(self):
        """Every cluster of the file is used once, those of the counts themselves too."""
        blocks = clusters = 1
        while blocks * _COUNTS < self._next + blocks + clusters:
            blocks += 1
            clusters = -(-blocks // _ENTRIES)
        total = self._next + blocks + clusters
        pointers = array.array("Q", bytes(8 * _ENTRIES * clusters))
        for i in range(blocks):
            used = max(0, min(_COUNTS, total - i * _COUNTS))
            pointers[i] = self._append(b"\0\1" * used + bytes(CLUSTER - 2 * used))
        return self._append(_big_endian(pointers)), clusters


def _big_endian(table):
    if sys.byteorder == "little":
        table.byteswap()  # it is not used any more
    return table.tobytes()
