"""Files past the cache, which the other tests, in memory, do not see."""

import os
import random
import tempfile
import unittest
from unittest import mock

from support import MIB, AgentCase, reference_digest

import direct


def disk():
    """A directory that lies on a disk, or None."""
    for path in (tempfile.gettempdir(), "/var/tmp", os.getcwd()):
        if os.access(path, os.W_OK) and os.major(os.stat(path).st_dev):
            return path
    return None


@unittest.skipUnless(disk(), "no file system on a disk of this host")
class Files(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(dir=disk())
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "file")

    def open(self):
        file = direct.File(self.path, os.O_RDWR | os.O_CREAT)
        self.addCleanup(file.close)
        return file

    def test_aligned_and_not(self):
        file, want = self.open(), bytearray()
        self.assertTrue(file.direct)
        rng = random.Random(5)
        memory = direct.buffer()
        for length in (MIB, 64 << 10, 512, 4096, MIB, 1, 700, MIB, 12345):
            data = rng.randbytes(length)
            memory[:length] = data
            file.write(memory[:length], len(want))
            want += data
        with open(self.path, "rb") as f:
            self.assertEqual(f.read(), want)
        got = bytearray()
        while count := file.read(memory, len(got)):
            got += memory[:count]
        self.assertEqual(got, want)
        self.assertEqual(file.read(memory, len(want) + MIB), 0)

    def test_what_is_not_aligned_in_memory(self):
        file = self.open()
        file.write(b"x" * 8192, 0)
        view = memoryview(bytearray(8193))[1:]
        self.assertEqual((file.read(view, 0), bytes(view)), (8192, b"x" * 8192))

    def test_nothing_of_it_stays_in_memory(self):
        file, memory = self.open(), direct.buffer()
        memory[:] = b"y" * MIB
        file.write(memory, 0)
        os.posix_fadvise(file.fd, 0, 0, os.POSIX_FADV_RANDOM)  # so that asking reads nothing more
        with self.assertRaises(BlockingIOError):
            os.preadv(file.fd, [bytearray(MIB)], 0, os.RWF_NOWAIT)
        self.assertEqual(file.read(memory, 0), MIB)

    def test_an_error_of_the_disk_is_not_hidden(self):
        file = self.open()
        with mock.patch.object(os, "pwritev", side_effect=OSError(5, "Input/output error")), self.assertRaises(OSError):
            file.write(direct.buffer(), 0)


@unittest.skipUnless(disk(), "no file system on a disk of this host")
class Copies(AgentCase):
    def setUp(self):
        with mock.patch("support.roomy", lambda _: disk()):
            super().setUp()

    def test_all_of_it(self):
        path = self.image("vm1", "20M", "write -P 0xaa 0 3M", "write -P 1 5M 64k", "write -P 0 7M 1M", "write -P 9 19M 1000k")
        base, dumped = self.copy()
        self.assertEqual(dumped["digest"], reference_digest(path, "qcow2"))
        self.write(path, "write -P 3 1M 200k", "write -z 19M 512k")
        stamp, dumped = self.copy(level=1, base=base)
        self.assertEqual((dumped["level"], dumped["digest"]), (1, reference_digest(path, "qcow2")))
        for fmt in ("qcow2", "raw"):
            self.good("restore", **self.where("vm1", stamp), to=self.out, format=fmt, scratch=self.scratch)
            self.same(path, os.path.join(self.out, "vm1." + fmt), fmt_b=fmt)

    def test_raw_of_odd_size(self):
        path = os.path.join(self.images, "old.img")
        with open(path, "wb") as f:
            f.write(random.Random(2).randbytes(2 * MIB + 12345))
        stamp, _ = self.copy("old")
        self.good("restore", **self.where("old", stamp), to=self.out, format="raw", scratch=self.scratch)
        with open(path, "rb") as a, open(os.path.join(self.out, "old.raw"), "rb") as b:
            want, got = a.read(), b.read()
        self.assertEqual((got[:len(want)], got[len(want):].strip(b"\0")), (want, b""))


if __name__ == "__main__":
    unittest.main()
