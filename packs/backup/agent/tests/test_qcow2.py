"""The writer of qcow2 files, judged by qemu: with the smallest clusters, so that a
small file already has many tables."""

import os
import random
import subprocess
import tempfile
import threading
import unittest

from support import roomy, run

import qcow2


class Small(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(dir=roomy("/dev/shm"))
        self.addCleanup(directory.cleanup)
        self.base = directory.name
        for name, value in (("CLUSTER", 512), ("_ENTRIES", 64), ("_COUNTS", 256)):
            self.addCleanup(setattr, qcow2, name, getattr(qcow2, name))
            setattr(qcow2, name, value)

    def check(self, path, raw):
        said = subprocess.run(["qemu-img", "check", "-f", "qcow2", path], capture_output=True, text=True, check=False)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        said = subprocess.run(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", path, raw], capture_output=True, text=True, check=False)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_random(self):
        rng = random.Random(3)
        for round_ in range(8):
            clusters = rng.choice([1, 63, 64, 65, 1000, 20000])
            want = bytearray(512 * clusters)
            path, raw = os.path.join(self.base, f"{round_}.qcow2"), os.path.join(self.base, f"{round_}.raw")
            with qcow2.Writer(path, len(want)) as w:
                at = 0
                while at < clusters:
                    count = min(rng.randrange(1, 200), clusters - at)
                    kind = rng.randrange(3)
                    if kind == 0:
                        data = rng.randbytes(512 * count)
                        want[512 * at:512 * (at + count)] = data
                        w.pwrite(bytearray(data), 512 * at)
                    elif kind == 1:
                        w.zero(512 * count, 512 * at)
                    at += count
            with open(raw, "wb") as f:
                f.write(want)
            self.check(path, raw)
            self.assertEqual(run("qemu-img", "info", "-f", "qcow2", path).count("corrupt: false"), 1)

    def test_every_number_of_clusters_around_a_full_block_of_counts(self):
        for clusters in range(240, 262):
            path, raw = os.path.join(self.base, f"n{clusters}.qcow2"), os.path.join(self.base, f"n{clusters}.raw")
            data = bytearray(b"x" * 512 * clusters)
            with qcow2.Writer(path, len(data)) as w:
                w.pwrite(data, 0)
            with open(raw, "wb") as f:
                f.write(data)
            self.check(path, raw)

    def test_threads(self):
        data = [bytearray(bytes([i]) * 512 * 4) for i in range(1, 201)]
        path, raw = os.path.join(self.base, "t.qcow2"), os.path.join(self.base, "t.raw")
        with qcow2.Writer(path, 2048 * len(data)) as w:
            threads = [threading.Thread(target=lambda k=k: [w.pwrite(data[i], 2048 * i) for i in range(k, len(data), 4)]) for k in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        with open(raw, "wb") as f:
            f.write(b"".join(data))
        self.check(path, raw)

    def test_zeros_hide_the_base(self):
        base, top, raw = (os.path.join(self.base, n) for n in ("base.qcow2", "top.qcow2", "raw"))
        with qcow2.Writer(base, 512 * 10) as w:
            w.pwrite(bytearray(b"a" * 5120), 0)
        with qcow2.Writer(top, 512 * 10) as w:
            w.zero(1024, 512)
            w.pwrite(bytearray(b"b" * 512), 2048)
        run("qemu-img", "rebase", "-u", "-F", "qcow2", "-b", base, top)
        with open(raw, "wb") as f:
            f.write(b"a" * 512 + bytes(1024) + b"a" * 512 + b"b" * 512 + b"a" * 2560)
        self.check(top, raw)

    def test_an_error_leaves_no_image(self):
        path = os.path.join(self.base, "e.qcow2")
        with self.assertRaises(ZeroDivisionError), qcow2.Writer(path, 512):
            raise ZeroDivisionError
        self.assertNotEqual(subprocess.run(["qemu-img", "info", "-f", "qcow2", path], capture_output=True, check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main()
