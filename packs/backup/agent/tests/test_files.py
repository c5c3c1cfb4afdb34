"""Files out of a copy."""

import os
import shutil
import subprocess
import unittest

from support import MIB, AgentCase, run


@unittest.skipUnless(shutil.which("mkfs.ext4", path=os.environ["PATH"] + ":/usr/sbin"), "SKIPPED: e2fsprogs is not installed")
class Files(AgentCase):
    def setUp(self):
        super().setUp()
        seed = self.dir("seed")
        os.makedirs(os.path.join(seed, "etc", "with space"))
        for name, text in (("etc/hostname", "guest\n"), ("etc/with space/x y", "blank\n")):
            with open(os.path.join(seed, name), "w", encoding="ascii") as f:
                f.write(text)
        os.symlink("hostname", os.path.join(seed, "etc", "link"))
        self.system = os.path.join(self.base, "fs.img")
        run("truncate", "-s", "24M", self.system)
        run("mkfs.ext4", "-q", "-d", seed, self.system)

    def on_partition(self):
        """A disk with a partition table and the file system on its second partition."""
        disk = os.path.join(self.images, "vm1.raw")
        run("truncate", "-s", "40M", disk)
        subprocess.run(["sfdisk", "-q", disk], input="label: gpt\nstart=2048, size=4096\nstart=8192, size=49152\n", text=True, check=True,
                       env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))
        with open(self.system, "rb") as f, open(disk, "r+b") as d:
            d.seek(8192 * 512)
            d.write(f.read())

    def files(self, stamp, **more):
        return self.good("files", **self.where("vm1", stamp), scratch=self.scratch, **more)

    def test_partition(self):
        self.on_partition()
        stamp, _ = self.copy()
        result = self.files(stamp, path="/etc")
        self.assertEqual([(p["number"], p["start"]) for p in result["partitions"]], [(1, MIB), (2, 4 * MIB)])
        entries = {e["name"]: (e["type"], e["size"]) for e in result["entries"]}
        self.assertEqual((entries["hostname"], entries["link"][0], entries["with space"][0]), (("file", 6), "link", "directory"))
        to = os.path.join(self.out, "hostname.old")
        self.assertEqual(self.files(stamp, path="/etc/hostname", to=to)["bytes"], 6)
        with open(to, encoding="ascii") as f:
            self.assertEqual(f.read(), "guest\n")
        self.bad("files", "exists", **self.where("vm1", stamp), scratch=self.scratch, path="/etc/hostname", to=to)
        self.assertEqual(self.files(stamp, path="/etc", to=self.out, partition=2)["files"], 2)
        with open(os.path.join(self.out, "etc", "with space", "x y"), encoding="ascii") as f:
            self.assertEqual(f.read(), "blank\n")
        self.bad("files", "not-found", **self.where("vm1", stamp), scratch=self.scratch, path="/none")
        self.bad("files", "not-found", **self.where("vm1", stamp), scratch=self.scratch, partition=7)
        self.bad("files", "failed", **self.where("vm1", stamp), scratch=self.scratch, partition=1)
        self.nothing_left()

    def test_whole_disk(self):
        shutil.copy(self.system, os.path.join(self.images, "vm1.raw"))
        stamp, _ = self.copy()
        result = self.files(stamp)
        self.assertEqual(result["partitions"], [])
        self.assertIn("etc", [e["name"] for e in result["entries"]])


if __name__ == "__main__":
    unittest.main()
