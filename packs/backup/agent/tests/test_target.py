"""Targets: mounted or not, full, shared with others."""

import fcntl
import os
import subprocess
import unittest

from support import AGENT, AgentCase, call, run, tree


def can_mount():
    """Whether we may mount here at all."""
    if os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False).returncode == 0


class Marker(AgentCase):
    def test_nothing_is_written_without_it(self):
        self.image()
        stamp, _ = self.copy()
        os.rename(os.path.join(self.root, ".squall-target"), os.path.join(self.base, "marker"))
        before = tree(self.root)
        where = self.where("vm1", stamp)
        new = self.where("vm1", next(self.next_stamp))
        self.bad("prepare", "target-not-mounted", **new, run="r")
        self.bad("dump", "target-not-mounted", **self.dump_args("vm1", new["stamp"]))
        self.bad("verify", "target-not-mounted", **where)
        self.bad("compress", "target-not-mounted", **where)
        self.bad("commit", "target-not-mounted", **where)
        self.bad("scan", "target-not-mounted", root=self.root, target="nas1")
        self.bad("quarantine", "target-not-mounted", **where, reason="x")
        self.bad("remove", "target-not-mounted", root=self.root, target="nas1", source="vm1", stamps=[stamp])
        self.bad("hold", "target-not-mounted", **where, reason="x")
        self.bad("reap", "target-not-mounted", root=self.root, target="nas1", holding=self.holding)
        self.bad("restore", "target-not-mounted", **where, to=self.out)
        self.assertEqual(tree(self.root), before)

    def test_of_another_target(self):
        result = self.bad("prepare", "target-not-mounted", root=self.root, target="nas2", source="vm1", stamp="20260101T000000Z", run="r")
        self.assertEqual((result["expected"], result["found"]), ("nas2", "nas1"))
        self.bad("initialise", "target-not-mounted", root=self.root, target="nas2")
        self.assertFalse(self.good("initialise", root=self.root, target="nas1")["created"])

    def test_directory_is_not_there(self):
        self.bad("scan", "target-not-mounted", root=os.path.join(self.base, "none"), target="nas1")
        self.bad("mount", "target-not-mounted", kind="dir", at=os.path.join(self.base, "none"), target="nas1")

    def test_names(self):
        for source in ("../x", ".x", "a/b", "", "x" * 129):
            self.bad("prepare", "usage", root=self.root, target="nas1", source=source, stamp="20260101T000000Z", run="r")
        for stamp in ("2026", "20260101T000000Z/..", "now"):
            self.bad("prepare", "usage", root=self.root, target="nas1", source="vm1", stamp=stamp, run="r")

    def test_second_name_of_root(self):
        self.good("scan", **{"dir": self.root}, target="nas1")


class Room(AgentCase):
    def test_estimate(self):
        free = os.statvfs(self.root).f_bavail * os.statvfs(self.root).f_frsize
        result = self.bad("prepare", "no-space", **self.where("vm1", "20260101T000000Z"), run="r", estimate=free)
        self.assertEqual(result["needed"], free * 12 // 10)
        self.assertEqual(os.listdir(self.root), [".squall-target"])
        self.good("prepare", **self.where("vm1", "20260101T000000Z"), run="r", estimate=free // 2)

    def test_twice(self):
        self.good("prepare", **self.where("vm1", "20260101T000000Z"), run="r")
        self.good("prepare", **self.where("vm1", "20260101T000000Z"), run="r")  # a second attempt begins anew
        self.image()
        stamp, _ = self.copy(stamp="20260102T000000Z")
        self.bad("prepare", "exists", **self.where("vm1", stamp), run="r")

    def test_busy(self):
        self.good("prepare", **self.where("vm1", "20260101T000000Z"), run="r")
        lib = os.path.join(self.root, "vm1", ".lock")
        with open(lib, "r+", encoding="ascii") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            import target
            from failure import Failure
            waited, target.LOCK_WAIT = target.LOCK_WAIT, 0.3
            self.addCleanup(setattr, target, "LOCK_WAIT", waited)
            with target.Target(self.root, "nas1") as t, self.assertRaises(Failure) as caught, t.lock("vm1"):
                self.fail("two have the lock")
            self.assertEqual(caught.exception.kind, "busy")


@unittest.skipUnless(can_mount(), "SKIPPED: mounting needs root and the right to mount")
class Mounts(AgentCase):
    def setUp(self):
        super().setUp()
        self.at = os.path.join(self.base, "mnt", "nas1")
        self.addCleanup(subprocess.run, ["umount", "-q", "-l", self.at], stderr=subprocess.DEVNULL, check=False)

    def filesystem(self, size="32M", ident="nas2"):
        """An ext4 file system in a file, with a marker in it; returns file and UUID."""
        path = os.path.join(self.base, "fs.img")
        seed = self.dir("seed")
        if ident:
            self.good("initialise", root=seed, target=ident)
        run("truncate", "-s", size, path)
        run("mkfs.ext4", "-q", "-d", seed, path)
        return path, run("blkid", "-o", "value", "-s", "UUID", path).strip()

    def test_bind(self):
        result = self.good("mount", kind="bind", what=self.root, at=self.at, target="nas1")
        self.assertFalse(result["already"])
        self.assertTrue(self.good("mount", kind="bind", what=self.root, at=self.at, target="nas1")["already"])
        self.image()
        self.root_direct, self.root = self.root, self.at
        stamp, _ = self.copy()
        self.assertTrue(os.path.isdir(os.path.join(self.root_direct, "vm1", stamp)))
        self.assertEqual(self.good("unmount", at=self.at)["unmounted"], True)
        self.assertFalse(os.path.exists(self.at))
        self.assertEqual(self.good("unmount", at=self.at)["unmounted"], False)

    def test_loop_and_uuid(self):
        path, uuid = self.filesystem()
        self.good("mount", kind="loop", what=path, at=self.at, target="nas2", fs_uuid=uuid)
        self.good("unmount", at=self.at)
        self.bad("mount", "target-not-mounted", kind="loop", what=path, at=self.at, target="nas2", fs_uuid="11111111-2222-3333-4444-555555555555")
        self.assertFalse(os.path.exists(self.at))
        self.bad("mount", "target-not-mounted", kind="loop", what=path, at=self.at, target="nas9")
        self.assertFalse(os.path.exists(self.at))

    def test_without_marker_it_is_unmounted_again(self):
        path, _ = self.filesystem(ident=None)
        self.bad("mount", "target-not-mounted", kind="loop", what=path, at=self.at, target="nas2")
        self.assertFalse(os.path.exists(self.at))
        self.bad("mount", "mount-failed", kind="loop", what=os.path.join(self.base, "nothing"), at=self.at, target="nas2")
        self.assertFalse(os.path.exists(self.at))

    def test_in_use_is_let_go_lazily(self):
        self.good("mount", kind="bind", what=self.root, at=self.at, target="nas1")
        user = subprocess.Popen(["sleep", "600"], cwd=self.at)
        self.addCleanup(user.wait)
        self.addCleanup(user.kill)
        result = self.good("unmount", at=self.at)
        self.assertEqual((result["unmounted"], result["lazy"]), (True, True))

    def test_target_becomes_full(self):
        path, _ = self.filesystem()
        self.good("mount", kind="loop", what=path, at=self.at, target="nas2")
        source = self.image("vm1", "64M", "write -P 0xaa 0 60M")
        self.image("small", "8M", "write -P 1 0 1M")
        where = {"root": self.at, "target": "nas2", "source": "vm1", "stamp": "20260101T000000Z"}
        self.good("prepare", **where, run="r")
        self.bad("dump", "no-space", **{**self.dump_args("vm1", "20260101T000000Z"), **where})
        self.assertFalse(os.path.exists(os.path.join(self.at, "vm1", "20260101T000000Z.partial")))
        self.assertNotIn("squall-", run("qemu-img", "info", source))
        # There is room again for another.
        where["source"] = "small"
        self.good("prepare", **where, run="r", estimate="2M")
        self.good("dump", **{**self.dump_args("small", "20260101T000000Z"), **where})
        self.good("verify", **where, scratch=self.scratch)
        self.good("commit", **where)
        self.nothing_left()

    def test_full_in_compress(self):
        path, _ = self.filesystem("48M")
        self.good("mount", kind="loop", what=path, at=self.at, target="nas2")
        rng = os.path.join(self.images, "vm1.raw")
        with open(rng, "wb") as f:
            f.write(os.urandom(24 << 20))  # does not get smaller
        self.root, ident = self.at, "nas2"
        where = {"root": self.at, "target": ident, "source": "vm1", "stamp": "20260101T000000Z"}
        self.good("prepare", **where, run="r")
        self.good("dump", **{**self.dump_args("vm1", "20260101T000000Z"), **where})
        self.good("verify", **where, scratch=self.scratch)
        result = self.good("compress", **where)
        self.assertEqual(len(result["warnings"]), 1, result)
        self.good("commit", **where)
        self.good("verify", **where, scratch=self.scratch)


class Missing(AgentCase):
    def test_tools_are_named_with_their_package(self):
        tools = self.dir("bin")
        os.symlink("/usr/bin/python3", os.path.join(tools, "python3"))
        code = ("import sys; sys.path.insert(0, 'lib'); sys.dont_write_bytecode = True; import tools; tools._PATH = %r\n"
                "from failure import Failure\n"
                "for tool in ('qemu-img', 'zstd', 'age', 'restic', 'virsh'):\n"
                "    try:\n        tools.need(tool)\n    except Failure as e:\n        print(e.kind, e.fields['tool'], e.fields['package'])\n") % tools
        said = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=True,
                              cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__)))).stdout
        self.assertEqual(said.split("\n")[:-1], ["missing-tool qemu-img qemu-utils", "missing-tool zstd zstd", "missing-tool age age",
                                                 "missing-tool restic restic", "missing-tool virsh libvirt-clients"])

    def test_report(self):
        result = self.good("tools")
        self.assertEqual(result["agent"], "1")
        self.assertIsNotNone(result["tools"]["qemu-img"])


class Arguments(AgentCase):
    def test_usage(self):
        for args in (["--x"], ["nonsense"], ["scan", "more"], ["scan"], ["scan", "--target=x", "--root=/", "--colour=red"]):
            done = subprocess.run([AGENT, *args], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn('"kind": "usage"', done.stdout)

    def test_order_and_dashes(self):
        run(AGENT, f"--root={self.root}", "--target=nas1", "scan")
        stamp = "20260101T000000Z"
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        self.image()
        args = self.dump_args("vm1", stamp)
        run(AGENT, *[f"--{n}={v}" for n, v in args.items()], "--host-limit=2", "--target_limit=4", "--rate-limit=1G", "dump")

    def test_lists(self):
        self.image("a1", "1M", "write -P 1 0 64k")
        self.image("a2", "1M", "write -P 1 0 64k")
        self.image("b1", "1M", "write -P 1 0 64k")
        for include in ("a*,b1", '["a*", "b1"]', "['a*', 'b1']"):
            _, result = call("list", provider="image", directory=self.images, include=include, exclude="a2")
            self.assertEqual([m["name"] for m in result["machines"]], ["a1", "b1"])

    def test_values(self):
        import backup_agent as agent
        self.assertEqual([agent.size(t) for t in ("0", "17", "64k", "1.5M", "2G", "1TiB")],
                         [0, 17, 65536, 3 << 19, 2 << 30, 1 << 40])
        self.assertEqual(agent.moment("2026-01-01T01:00:00+01:00"), agent.moment("2026-01-01T00:00:00Z"))
        for wrong in ("", "x", "-1", "1Q"):
            with self.assertRaises(ValueError):
                agent.size(wrong)
        with self.assertRaises(ValueError):
            agent.moment("2026-01-01T00:00:00")

    def test_python_3_9(self):
        import ast
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
        for directory in (here, os.path.join(here, "lib")):
            for name in os.listdir(directory):
                if name.endswith(".py"):
                    with open(os.path.join(directory, name), encoding="utf-8") as f:
                        ast.parse(f.read(), name, feature_version=(3, 9))


if __name__ == "__main__":
    unittest.main()
