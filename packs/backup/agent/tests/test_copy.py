"""Copies that go well: every level, size and way back."""

import json
import os
import random
import subprocess
import unittest
from unittest import mock

from support import MIB, AgentCase, call, reference_digest, run


class Full(AgentCase):
    call = staticmethod(call)  # the program itself, as a host runs it

    def test_digest_is_the_documented_one_and_restores_are_equal(self):
        path = self.image("vm1", "70M", "write -P 0xaa 0 8M", "write -P 1 20M 64k", "write -P 0 40M 1M", "write -P 9 71303168 512k")
        stamp, dumped = self.copy()
        self.assertEqual(dumped["digest"], reference_digest(path, "qcow2"))
        self.assertEqual(dumped["payload"], 8 * MIB + (64 << 10) + (512 << 10))
        for fmt in ("qcow2", "raw"):
            to = os.path.join(self.out, "elsewhere." + fmt)
            self.good("restore", **self.where("vm1", stamp), to=to, format=fmt, scratch=self.scratch)
            self.same(path, to, fmt_b=fmt)
        self.nothing_left()

    def test_raw_of_odd_size(self):
        path = os.path.join(self.images, "old.img")
        with open(path, "wb") as f:
            f.write(random.Random(1).randbytes(3 * MIB + 12345))
        stamp, dumped = self.copy("old")
        self.assertEqual(dumped["level"], 0)
        to = os.path.join(self.out, "old.raw")
        self.good("restore", **self.where("old", stamp), to=to, format="raw", scratch=self.scratch)
        with open(path, "rb") as a, open(to, "rb") as b:
            want, got = a.read(), b.read()
        self.assertEqual(got[:len(want)], want)
        self.assertFalse(got[len(want):].strip(b"\0"))  # qemu counts in sectors

    def test_several_disks(self):
        os.mkdir(os.path.join(self.images, "db"))
        for name in ("system", "data"):
            self.image("db/" + name, "16M", f"write -P {len(name)} 1M 2M")
        stamp, dumped = self.copy("db")
        self.assertEqual([d["name"] for d in dumped["disks"]], ["data", "system"])
        self.good("restore", **self.where("db", stamp), to=self.out, scratch=self.scratch)
        for name in ("system", "data"):
            self.same(os.path.join(self.images, "db", name + ".qcow2"), os.path.join(self.out, name + ".qcow2"))
        self.bad("restore", "usage", **self.where("db", stamp), to=os.path.join(self.out, "one.qcow2"), scratch=self.scratch)

    def test_empty_disk(self):
        self.image("vm1", "8M", "read 0 4k")
        stamp, dumped = self.copy()
        self.assertEqual(dumped["payload"], 0)
        self.good("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch)

    def test_overlay_is_read_through_its_base(self):
        base = self.image("base", "16M", "write -P 3 0 4M")
        top = os.path.join(self.images, "vm1.qcow2")
        run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
        self.write(top, "write -P 4 2M 4M")
        stamp, dumped = self.copy()
        self.assertEqual(dumped["digest"], reference_digest(top, "qcow2"))

    def test_manifest_and_scan(self):
        self.image()
        stamp, dumped = self.copy()
        with open(self.path("vm1", stamp, "manifest.json"), encoding="utf-8") as f:
            manifest = json.load(f)
        disk = manifest["disks"][0]
        self.assertEqual((manifest["schema"], manifest["source"], manifest["level"], manifest["base"], manifest["run"]),
                         (1, "vm1", 0, None, "run1"))
        self.assertEqual(disk["file_size"], os.path.getsize(self.path("vm1", stamp, disk["file"])))
        self.assertEqual(run("sha256sum", self.path("vm1", stamp, disk["file"])).split()[0], disk["file_sha256"])
        found = self.good("scan", root=self.root, target="nas1")["copies"]
        self.assertEqual([(c["source"], c["stamp"], c["state"], c["verified"]["ok"]) for c in found], [("vm1", stamp, "committed", True)])
        self.assertEqual(found[0]["manifest"], manifest)

    def test_standard_tools_restore_it(self):
        path = self.image()
        stamp, _ = self.copy()
        plain = os.path.join(self.out, "by-hand.qcow2")
        with open(plain, "wb") as f:
            subprocess.run(["zstd", "-dc", self.path("vm1", stamp, "vm1.qcow2.zst")], stdout=f, check=True)
        self.same(path, plain)


class Changes(AgentCase):
    def test_restored_by_hand(self):
        # as the README says
        path = self.image("vm1", "32M", "write -P 1 0 8M")
        stamps = [self.copy()[0]]
        for level in (1, 2):
            self.write(path, f"write -P {level} {level}M 2M", f"write -z {level + 4}M 1M")
            stamps.append(self.copy(level=level, base=stamps[-1])[0])
        for i, stamp in enumerate(stamps):
            image = os.path.join(self.out, f"level{i}.qcow2")
            run("zstd", "-d", "-q", self.path("vm1", stamp, "vm1.qcow2.zst"), "-o", image)
            run("qemu-img", "check", image)
            if i:
                run("qemu-img", "rebase", "-u", "-F", "qcow2", "-b", os.path.join(self.out, f"level{i - 1}.qcow2"), image)
        run("qemu-img", "convert", "-O", "qcow2", image, os.path.join(self.out, "vm1.qcow2"))
        self.same(path, os.path.join(self.out, "vm1.qcow2"))

    def test_level_one_is_small_and_restores_byte_for_byte(self):
        path = self.image("vm1", "256M", "write -P 0xaa 0 100M")
        base, _ = self.copy()
        self.write(path, "write -P 0x77 40M 4M")
        stamp, dumped = self.copy(level=1, base=base)
        self.assertEqual((dumped["level"], dumped["base"], dumped["full_because"]), (1, base, None))
        self.assertLessEqual(dumped["payload"], 5 * MIB)
        self.assertGreaterEqual(dumped["payload"], 4 * MIB)
        self.assertEqual(dumped["digest"], reference_digest(path, "qcow2"))
        self.good("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch)
        self.same(path, os.path.join(self.out, "vm1.qcow2"))

    def test_random_changes_over_many_levels(self):
        rng = random.Random(7)
        path = self.image("vm1", "24M", "write -P 1 0 12M")
        base, _ = self.copy(compress=False)
        for level in range(1, 5):
            for _ in range(6):
                at, length = rng.randrange(0, 23 << 11) * 512, rng.randrange(1, 2000) * 512
                what = rng.choice([f"write -P {rng.randrange(256)} {at} {length}", f"write -z {at} {length}", f"discard {at} {length}"])
                self.write(path, what)
            stamp, dumped = self.copy(level=level, base=base, compress=level % 2 == 0)
            self.assertEqual(dumped["level"], level)
            self.assertEqual(dumped["digest"], reference_digest(path, "qcow2"))
            to = os.path.join(self.out, f"{level}.raw")
            self.good("restore", **self.where("vm1", stamp), to=to, format="raw", scratch=self.scratch)
            self.same(path, to, fmt_b="raw")
            base = stamp

    def test_zeros_hide_what_the_base_has(self):
        path = self.image("vm1", "16M", "write -P 0xaa 0 8M")
        base, _ = self.copy()
        self.write(path, "write -z 2M 3M", "write -P 0 6M 64k")
        stamp, dumped = self.copy(level=1, base=base)
        self.assertEqual(dumped["payload"], 0)
        self.good("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch)
        self.same(path, os.path.join(self.out, "vm1.qcow2"))

    def test_only_two_bitmaps_stay(self):
        path = self.image()
        base, _ = self.copy()
        for level in (1, 2, 3):
            base, _ = self.copy(level=level, base=base)
        known = json.loads(run("qemu-img", "info", "--output=json", path))
        self.assertEqual(len(known["format-specific"]["data"]["bitmaps"]), 2)

    def test_differential_from_the_same_base(self):
        path = self.image()
        base, _ = self.copy()
        self.write(path, "write -P 2 1M 64k")
        self.copy(level=1, base=base)
        self.write(path, "write -P 3 5M 64k")
        stamp, dumped = self.copy(level=1, base=base)
        self.assertEqual((dumped["level"], dumped["payload"]), (1, 2 * 65536))
        self.good("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch)
        self.same(path, os.path.join(self.out, "vm1.qcow2"))


class OldLibrary(AgentCase):
    def test_libnbd_that_does_not_read_into_memory_of_ours(self):
        import nbd
        base = self.image("base", "4M", "write -P 3 0 1M")
        top = os.path.join(self.images, "vm1.qcow2")
        run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
        self.write(top, "write -P 4 512k 1M")
        with mock.patch.object(nbd.Buffer, "from_buffer", None):
            _, dumped = self.copy()
        self.assertEqual(dumped["digest"], reference_digest(top, "qcow2"))


class FullInstead(AgentCase):
    def full(self, because, **more):
        _, dumped = self.dump(level=1, **more)
        self.assertEqual((dumped["level"], dumped["base"]), (0, None))
        self.assertIn(because, dumped["full_because"])

    def test_no_bitmap(self):
        path = self.image()
        base, _ = self.copy()
        run("qemu-img", "bitmap", "--remove", path, "squall-" + base)
        self.full("has no bitmap", base=base)

    def test_disabled_bitmap(self):
        path = self.image()
        base, _ = self.copy()
        run("qemu-img", "bitmap", "--disable", path, "squall-" + base)
        self.full("not usable", base=base)

    def test_base_is_not_on_the_target(self):
        self.image()
        self.full("not on the target", base="20250101T000000Z")

    def test_size_has_changed(self):
        path = self.image()
        base, _ = self.copy()
        # qemu refuses to resize an image with bitmaps made by an older one only
        run("qemu-img", "resize", path, "96M")
        self.full("size", base=base)

    def test_raw_has_no_record(self):
        self.image("vm1", fmt="raw")
        base, _ = self.copy()
        self.full("keeps no record", base=base)

    def test_or_fail(self):
        self.image()
        stamp = "20260101T000000Z"
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        self.bad("dump", "base-missing", **self.dump_args("vm1", stamp, level=1, base="20250101T000000Z", on_base_missing="fail"))


class Restoring(AgentCase):
    def setUp(self):
        super().setUp()
        self.source = self.image()
        self.stamp, _ = self.copy()
        self.copied = dict(self.where("vm1", self.stamp), scratch=self.scratch)

    def test_dry_run_writes_nothing(self):
        result = self.good("restore", **self.copied, to=self.out, dry_run=True)
        self.assertEqual(result["disks"][0]["to"], os.path.join(self.out, "vm1.qcow2"))
        self.assertEqual(os.listdir(self.out), [])

    def test_dry_run_finds_a_missing_file(self):
        os.unlink(self.path("vm1", self.stamp, "vm1.qcow2.zst"))
        self.bad("restore", "corrupt", **self.copied, to=self.out, dry_run=True)

    def test_nothing_is_overwritten_unless_asked(self):
        to = os.path.join(self.out, "vm1.qcow2")
        with open(to, "w", encoding="ascii") as f:
            f.write("precious")
        self.bad("restore", "exists", **self.copied, to=self.out)
        with open(to, encoding="ascii") as f:
            self.assertEqual(f.read(), "precious")
        self.good("restore", **self.copied, to=self.out, overwrite=True)
        self.same(self.source, to)

    def test_an_image_in_use_is_not_overwritten(self):
        to = os.path.join(self.out, "vm1.qcow2")
        self.good("restore", **self.copied, to=to)
        user = subprocess.Popen(["qemu-io", "-f", "qcow2", to], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(user.wait)
        self.addCleanup(user.stdin.close)
        user.stdin.write("write -P 1 0 512\n")
        user.stdin.flush()
        self.assertIn("wrote", user.stdout.readline())
        self.bad("restore", "in-use", **self.copied, to=to, overwrite=True)
        user.stdin.close()
        user.stdout.close()

    def test_unknown_things(self):
        self.bad("restore", "not-found", **{**self.copied, "stamp": "20200101T000000Z"}, to=self.out)
        self.bad("restore", "not-found", **self.copied, to=self.out, disk="vdz")
        self.bad("restore", "not-found", **self.copied, to="/nonexistent/x.qcow2")


if __name__ == "__main__":
    unittest.main()
