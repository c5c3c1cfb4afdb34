"""Copies that go bad, and are found."""

import json
import os
import re
import subprocess
import unittest

from support import MIB, AgentCase


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 0xFF]))


class Damage(AgentCase):
    def setUp(self):
        super().setUp()
        self.source = self.image("vm1", "64M", "write -P 0xaa 0 8M", "write -P 0x55 30M 3M")

    def verify(self, stamp, kind=None, **more):
        args = dict(self.where("vm1", stamp), scratch=self.scratch, **more)
        return self.bad("verify", kind, **args) if kind else self.good("verify", **args)

    def test_data_cluster_is_named_where_qemu_img_sees_nothing(self):
        stamp, _ = self.copy(compress=False)
        path = self.path("vm1", stamp, "vm1.qcow2")
        mapped = json.loads(subprocess.run(["qemu-img", "map", "--output=json", path], capture_output=True, check=True).stdout)
        at = next(e["offset"] + 31 * MIB - e["start"] for e in mapped if e["data"] and e["start"] <= 31 * MIB < e["start"] + e["length"])
        flip(path, at + 1234)
        subprocess.run(["qemu-img", "check", "-q", path], check=True)  # the trap: it is content with that
        result = self.verify(stamp, "corrupt")
        self.assertEqual((result["disks"][0]["bad_blocks"], result["disks"][0]["bad_count"]), ([31], 1))
        self.assertNotEqual(result["disks"][0]["digest"], result["disks"][0]["expected"])
        self.verify(stamp, "corrupt", depth="payload")
        scanned = self.good("scan", root=self.root, target="nas1")["copies"][0]
        self.assertFalse(scanned["verified"]["ok"])
        # A restore is refused too, and leaves nothing that looks like a disk.
        self.bad("restore", "corrupt", **self.where("vm1", stamp), to=self.out, scratch=self.scratch)
        self.assertEqual(os.listdir(self.out), [])
        # Who has nothing else may take it as it is.
        result = self.good("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch, accept_damage=True)
        self.assertFalse(result["disks"][0]["ok"])
        self.assertEqual(os.listdir(self.out), ["vm1.qcow2"])

    def test_compressed(self):
        stamp, _ = self.copy()
        path = self.path("vm1", stamp, "vm1.qcow2.zst")
        for depth in ("content", "payload"):
            self.verify(stamp, depth=depth)
        flip(path, os.path.getsize(path) // 2)
        for depth in ("content", "payload"):
            self.verify(stamp, "corrupt", depth=depth)
        self.nothing_left()

    def test_cut_off(self):
        stamp, _ = self.copy()
        path = self.path("vm1", stamp, "vm1.qcow2.zst")
        os.truncate(path, os.path.getsize(path) - 10)
        self.verify(stamp, "corrupt")

    def test_list_of_blocks(self):
        stamp, _ = self.copy()
        flip(self.path("vm1", stamp, "vm1.blocks.zst"), 20)
        result = self.verify(stamp, "corrupt")
        self.assertIn("list of blocks", result["error"])
        # The next copy cannot build on it.
        _, dumped = self.dump(level=1, base=stamp)
        self.assertEqual(dumped["level"], 0)

    def test_manifest(self):
        stamp, _ = self.copy()
        path = self.path("vm1", stamp, "manifest.json")
        with open(path, "r+", encoding="ascii") as f:
            f.truncate(100)
        self.verify(stamp, "corrupt")
        self.assertIn("manifest", self.good("scan", root=self.root, target="nas1")["copies"][0]["problem"])

    def test_manifest_leads_nowhere_else(self):
        stamp, _ = self.copy()
        path = self.path("vm1", stamp, "manifest.json")
        with open(path, encoding="ascii") as f:
            text = f.read()
        with open(path, "w", encoding="ascii") as f:
            f.write(re.sub(r'"file": "[^"]*"', '"file": "../../../../etc/passwd"', text))
        self.verify(stamp, "corrupt")

    def test_backing_file_in_the_header_is_not_followed(self):
        stamp, _ = self.copy(compress=False)
        secret = os.path.join(self.base, "secret")
        with open(secret, "wb") as f:
            f.write(b"secret!!" * 8192)
        subprocess.run(["qemu-img", "rebase", "-u", "-b", secret, "-F", "raw", self.path("vm1", stamp, "vm1.qcow2")], check=True)
        self.good("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch)
        self.same(self.source, os.path.join(self.out, "vm1.qcow2"))

    def test_damaged_base_condemns_what_builds_on_it(self):
        base, _ = self.copy()
        self.write(self.source, "write -P 7 1M 64k")
        level1, _ = self.copy(level=1, base=base)
        flip(self.path("vm1", base, "vm1.qcow2.zst"), 40)
        self.verify(level1, "corrupt")
        result = self.good("quarantine", **self.where("vm1", base), reason="verification")
        self.assertEqual(result["dependants"], [level1])
        states = {c["stamp"]: c["state"] for c in self.good("scan", root=self.root, target="nas1")["copies"]}
        self.assertEqual(states, {base: "bad", level1: "bad"})
        self.good("quarantine", **self.where("vm1", base), reason="again")
        stamp, dumped = self.copy(level=1, base=level1)
        self.assertEqual(dumped["level"], 0)
        self.good("remove", root=self.root, target="nas1", source="vm1", stamps=[base, level1])
        self.assertEqual([c["stamp"] for c in self.good("scan", root=self.root, target="nas1")["copies"]], [stamp])

    def test_quarantined_alone(self):
        base, _ = self.copy()
        level1, _ = self.copy(level=1, base=base)
        self.good("quarantine", **self.where("vm1", base), reason="x", alone=True)
        result = self.verify(level1, "corrupt")
        self.assertIn("quarantined", result["error"])

    def test_partial_that_is_bad_is_not_committed(self):
        stamp, _ = self.dump()
        flip(self.path("vm1", stamp, "vm1.qcow2", suffix=".partial"), 5 * MIB)
        self.verify(stamp, "corrupt")
        self.bad("commit", "failed", **self.where("vm1", stamp))
        self.good("quarantine", **self.where("vm1", stamp), reason="verification after the dump")
        self.assertTrue(os.path.isdir(self.path("vm1", stamp, suffix=".bad")))
        self.good("remove", root=self.root, target="nas1", source="vm1", stamps=[stamp])

    def test_unverified_is_not_committed(self):
        stamp, _ = self.dump()
        self.bad("commit", "failed", **self.where("vm1", stamp))
        self.good("commit", **self.where("vm1", stamp), verified="any")
        self.good("commit", **self.where("vm1", stamp))  # a second time is nothing new


class Keeping(AgentCase):
    def setUp(self):
        super().setUp()
        self.image("vm1", "8M", "write -P 1 0 1M")

    def test_a_base_is_not_removed_before_what_builds_on_it(self):
        base, _ = self.copy()
        level1, _ = self.copy(level=1, base=base)
        level2, _ = self.copy(level=2, base=level1)
        common = {"root": self.root, "target": "nas1", "source": "vm1"}
        self.assertEqual(self.bad("remove", "needed", **common, stamps=[base])["dependants"], [level1, level2])
        self.bad("remove", "needed", **common, stamps=[base, level1])
        self.assertEqual(self.good("remove", **common, stamps=[level2, base, level1])["removed"], [base, level1, level2])
        self.assertEqual(os.listdir(os.path.join(self.root, "vm1")), [".lock"])

    def test_held(self):
        stamp, _ = self.copy()
        common = {"root": self.root, "target": "nas1", "source": "vm1"}
        self.good("hold", **common, stamp=stamp, reason="case 4711")
        self.assertIn("4711", self.bad("remove", "needed", **common, stamps=[stamp])["error"])
        self.assertTrue(self.good("scan", **common)["copies"][0]["held"])
        self.good("hold", **common, stamp=stamp, release=True)
        self.good("remove", **common, stamps=[stamp])
        self.bad("remove", "not-found", **common, stamps=[stamp])

    def test_partials_are_no_copies(self):
        stamp, _ = self.dump()
        common = {"root": self.root, "target": "nas1", "source": "vm1"}
        self.bad("remove", "not-found", **common, stamps=[stamp])
        self.bad("restore", "not-found", **common, stamp=stamp, to=self.out)
        self.assertEqual(self.good("reap", root=self.root, target="nas1", run="other", holding=self.holding)["removed"], [])
        self.assertEqual(self.good("reap", root=self.root, target="nas1", older_than=3600, holding=self.holding)["removed"], [])
        self.assertEqual(self.good("reap", root=self.root, target="nas1", run="run1", holding=self.holding)["removed"], [f"vm1/{stamp}.partial"])

    def test_half_removed(self):
        stamp, _ = self.copy()
        os.rename(self.path("vm1", stamp), self.path("vm1", stamp, suffix=".removing"))
        self.assertEqual(self.good("scan", root=self.root, target="nas1")["copies"], [])
        self.good("reap", root=self.root, target="nas1", holding=self.holding)
        self.assertFalse(os.path.exists(self.path("vm1", stamp, suffix=".removing")))

    def test_compress_keeps_the_file_when_zstd_fails(self):
        stamp, _ = self.dump()
        tools = self.dir("tools")
        with open(os.path.join(tools, "zstd"), "w", encoding="ascii") as f:
            # one that packs something else than it was given
            f.write('#!/bin/sh\ncase "$*" in *-d*) exec /usr/bin/zstd "$@";; esac\nsed 1s/Q/q/ | exec /usr/bin/zstd "$@"\n')
        os.chmod(f.name, 0o755)
        from support import call
        status, result = call("compress", search=tools + ":" + os.environ["PATH"], **self.where("vm1", stamp))
        self.assertEqual((status, len(result["warnings"])), (0, 1), result)
        self.good("verify", **self.where("vm1", stamp), scratch=self.scratch)
        self.assertEqual(self.good("compress", **self.where("vm1", stamp))["warnings"], [])
        self.assertEqual(self.good("compress", **self.where("vm1", stamp))["skipped"], "compressed")
        self.good("verify", **self.where("vm1", stamp), scratch=self.scratch)
        self.good("commit", **self.where("vm1", stamp))


if __name__ == "__main__":
    unittest.main()
