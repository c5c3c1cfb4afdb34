"""Compressing with its proof: nothing but what can be unpacked again gets a name."""

import os
import random
import subprocess
import tempfile
import threading
import unittest
from unittest import mock

from support import MIB, roomy, run

from failure import Failure
import direct
import packing
import streams
import unzstd


class Packing(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(dir=roomy("/dev/shm"))
        self.addCleanup(directory.cleanup)
        self.source, self.to = (os.path.join(directory.name, n) for n in ("source", "packed.zst"))
        patch = mock.patch.multiple(packing, _PIECE=64 << 10, _STRETCH=256 << 10)  # many pieces of a small file
        patch.start()
        self.addCleanup(patch.stop)
        before = threading.active_count()
        self.addCleanup(lambda: self.assertEqual(threading.active_count(), before))

    def fill(self, size):
        with open(self.source, "wb") as f:
            f.write(random.Random(size).randbytes(size // 2) + bytes(size - size // 2))

    def refused(self, kind, words, command=None):
        with self.assertRaises(Failure) as caught:
            packing.packed(self.source, command or streams.zstd(), self.to)
        self.assertEqual(caught.exception.kind, kind)
        self.assertIn(words, str(caught.exception))
        self.assertEqual(os.listdir(os.path.dirname(self.to)), ["source"])

    def test_sizes(self):
        for size in (0, 1, 65535, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 7):
            for command in (streams.zstd(), streams.zstd(1, 2, True)):
                with self.subTest(size=size, command=command):
                    self.fill(size)
                    checksum = packing.packed(self.source, command, self.to)
                    self.assertEqual(run("sha256sum", self.to).split()[0], checksum)
                    run("sh", "-c", 'zstd -q -d -c --long=31 "$0" | cmp - "$1"', self.to, self.source)
                    os.unlink(self.to)

    def test_what_a_killed_call_left(self):
        self.fill(MIB)
        with open(self.to + ".tmp", "wb") as f:
            f.write(b"x" * 3 * MIB)
        packing.packed(self.source, streams.zstd(), self.to)
        run("zstd", "-q", "-t", self.to)

    def test_a_disk_that_keeps_something_else(self):
        self.fill(4 * MIB)
        for at in (0, 100, MIB, 2 * MIB):
            with self.subTest(at=at):
                real = direct.File.read

                def read(file, view, offset, at=at):
                    count = real(file, view, offset)
                    if offset <= at < offset + count:
                        view[at - offset] ^= 1
                    return count

                with mock.patch.object(direct.File, "read", read):
                    self.refused("corrupt", "zstd: " if at == 0 else "not what was packed")

    def test_a_disk_that_loses_the_end(self):
        self.fill(2 * MIB)
        real = direct.File.write
        with mock.patch.object(direct.File, "write", lambda file, data, at: real(file, data, at) if at < MIB else None):
            self.refused("io", "shorter")

    def test_zstd_that_packs_something_else(self):
        self.fill(2 * MIB)
        for script in ("sed 1s/./x/ | zstd -q -c", "head -c 1000000 | zstd -q -c", "{ cat; echo; } | zstd -q -c"):
            with self.subTest(script):
                self.refused("corrupt", "not what was packed", ["sh", "-c", script])

    def test_zstd_that_writes_half_a_frame(self):
        self.fill(2 * MIB)
        self.refused("corrupt", "ends too early", ["sh", "-c", "zstd -q -c | head -c 700000"])

    def test_zstd_that_fails(self):
        self.fill(2 * MIB)
        self.refused("failed", "no more of this", ["sh", "-c", "zstd -q -c | head -c 700000; echo no more of this >&2; exit 3"])

    def test_zstd_that_would_never_end(self):
        self.fill(MIB)
        self.refused("corrupt", "not what was packed", ["sh", "-c", "zstd -q -c < /dev/urandom"])

    def test_full(self):
        self.fill(2 * MIB)
        with mock.patch.object(os, "pwritev", side_effect=OSError(28, "No space left on device")):
            self.refused("no-space", "No space")


class Unpacking(unittest.TestCase):
    def unpacked(self, packed, step):
        got = bytearray()
        unpacker = unzstd.Unpacker("x", lambda block, length: got.extend(block[:length]))
        self.addCleanup(unpacker.close)
        for at in range(0, len(packed), step):
            unpacker.feed(bytearray(packed[at:at + step]))
        unpacker.end()
        return got

    def test_pieces_and_frames(self):
        for sizes in ((0,), (1,), (MIB,), (3 * MIB,), (MIB, MIB), (10, 0, 2 * MIB + 5)):
            parts = [random.Random(n).randbytes(n // 3) + b"a" * (n - n // 3) for n in sizes]
            packed = b"".join(subprocess.run(["zstd", "-q", "-c"], input=p, capture_output=True, check=True).stdout for p in parts)
            for step in (997, MIB):
                with self.subTest(sizes=sizes, step=step):
                    self.assertEqual(self.unpacked(packed, step), b"".join(parts))

    def test_without_the_library(self):
        with mock.patch("ctypes.CDLL", side_effect=OSError), self.assertRaises(Failure) as caught:
            self.unpacked(b"", 1)
        self.assertEqual((caught.exception.kind, caught.exception.fields["package"]), ("missing-tool", "libzstd1"))

    def test_every_cut_is_seen(self):
        packed = subprocess.run(["zstd", "-q", "-c"], input=b"abc" * 1000, capture_output=True, check=True).stdout
        for length in range(1, len(packed)):
            with self.assertRaises(Failure):
                self.unpacked(packed[:length], MIB)


if __name__ == "__main__":
    unittest.main()
