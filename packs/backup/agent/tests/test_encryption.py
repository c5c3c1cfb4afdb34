"""Encrypted copies: nothing readable on the target, keys that change."""

import contextlib
import os
import shutil
import subprocess
import unittest

from support import AgentCase, call, run, until, words

MARK = b"TOP-SECRET-MARKER-4711"


def key(directory, name):
    """A new identity; returns its text and its recipient."""
    path = os.path.join(directory, name)
    run("age-keygen", "-o", path)
    with open(path, encoding="ascii") as f:
        return f.read(), run("age-keygen", "-y", path).strip()


@unittest.skipUnless(shutil.which("age"), "SKIPPED: age is not installed")
class Encryption(AgentCase):
    def setUp(self):
        super().setUp()
        self.keys = self.dir("keys")
        self.identity, self.recipient = key(self.keys, "one")
        pattern = os.path.join(self.base, "pattern")
        with open(pattern, "wb") as f:
            f.write(MARK * 3000)
        self.source = self.image("vm1", "32M", f"write -s {pattern} 1M 64k", f"write -s {pattern} 20M 64k", "write -P 9 5M 2M")

    def env(self, *identities):
        return {"BACKUP_IDENTITIES": "".join(identities)}

    def copied(self, **more):
        stamp, dumped = self.dump(recipients=more.pop("recipients", [self.recipient]), **more)
        self.assertEqual(self.good("compress", **self.where("vm1", stamp))["skipped"], "encrypted")
        self.good("verify", **self.where("vm1", stamp), scratch=self.scratch)
        self.good("commit", **self.where("vm1", stamp))
        return stamp, dumped

    def content(self, stamp, *identities):
        return call("verify", **self.where("vm1", stamp), scratch=self.scratch, depth="content", env=self.env(*identities))

    def test_target_holds_nothing_readable(self):
        stamp, _ = self.copied()
        names = sorted(os.listdir(self.path("vm1", stamp)))
        self.assertEqual(names, ["manifest.json", "run.json", "verified.json", "vm1.blocks.zst.age", "vm1.qcow2.zst.age"])
        for name in names:
            with open(self.path("vm1", stamp, name), "rb") as f:
                data = f.read()
            self.assertNotIn(MARK, data)
            if name.endswith(".age"):
                self.assertTrue(data.startswith(b"age-encryption.org"))
        self.nothing_left()
        for identity in (self.identity,):
            status, result = self.content(stamp, identity)
            self.assertEqual((status, result["depth"]), (0, "content"), result)
        status, result = call("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch, env=self.env(self.identity))
        self.assertEqual(status, 0, result)
        self.same(self.source, os.path.join(self.out, "vm1.qcow2"))
        self.nothing_left()

    def test_killed_in_the_middle_nothing_readable_is_on_the_target(self):
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        p = subprocess.Popen(words("dump", self.dump_args("vm1", stamp, rate_limit="2M", recipients=[self.recipient])),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        until(lambda: self.holds(self.holding), "readable bytes are in the holding directory")
        p.kill()
        p.wait()
        self.assertFalse(self.holds(self.root))
        # Nor do they stay there.
        self.good("reap", root=self.root, target="nas1", holding=self.holding)
        self.assertEqual(os.listdir(self.holding), [])

    def holds(self, directory):
        for where, _, names in os.walk(directory):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    with open(os.path.join(where, name), "rb") as f:
                        if MARK in f.read():
                            return True
        return False

    def test_wrong_key(self):
        stamp, _ = self.copied()
        other, _ = key(self.keys, "other")
        for identities, kind in ((other, "wrong-key"), ("nonsense\n", "wrong-key"), ("", "wrong-key")):
            status, result = self.content(stamp, identities)
            self.assertEqual((status, result["kind"]), (1, kind), result)
            for dry in (True, False):
                status, result = call("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch, dry_run=dry, env=self.env(identities))
                self.assertEqual((status, result["kind"]), (1, kind), result)
        self.assertEqual(os.listdir(self.out), [])
        self.nothing_left()
        # A key that does not fit says nothing against the copy.
        self.assertTrue(self.good("scan", root=self.root, target="nas1")["copies"][0]["verified"]["ok"])

    def test_rotation(self):
        old, _ = self.copied()
        identity, recipient = key(self.keys, "two")
        self.write(self.source, "write -P 3 8M 1M")
        new, dumped = self.copied(recipients=[recipient], level=1, base=old)
        self.assertEqual(dumped["level"], 1, dumped)  # the list of blocks is kept on the host
        both = self.identity + identity
        for stamp in (old, new):
            status, result = self.content(stamp, both)
            self.assertEqual(status, 0, result)
        status, result = call("restore", **self.where("vm1", new), to=self.out, scratch=self.scratch, env=self.env(both))
        self.assertEqual(status, 0, result)
        self.same(self.source, os.path.join(self.out, "vm1.qcow2"))
        self.assertEqual(self.content(old, identity)[1]["kind"], "wrong-key")
        self.assertEqual(self.content(old, self.identity)[0], 0)

    def test_host_without_its_list_of_blocks_makes_level_0(self):
        base, _ = self.copied()
        shutil.rmtree(self.state)
        _, dumped = self.copied(level=1, base=base)
        self.assertEqual(dumped["level"], 0)
        self.assertIn("encrypted", dumped["full_because"])

    def test_only_needed_lists_stay_on_the_host(self):
        base, _ = self.copied()
        for level in (1, 2, 3):
            base, dumped = self.copied(level=level, base=base)
            self.assertEqual(dumped["level"], level)
        self.assertEqual(len(os.listdir(os.path.join(self.state, "vm1"))), 2)

    def test_flipped_byte(self):
        stamp, _ = self.copied()
        path = self.path("vm1", stamp, "vm1.qcow2.zst.age")
        with open(path, "r+b") as f:
            f.seek(os.path.getsize(path) // 2)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 1]))
        self.bad("verify", "corrupt", **self.where("vm1", stamp), scratch=self.scratch)
        status, result = self.content(stamp, self.identity)
        self.assertEqual((status, result["kind"]), (1, "corrupt"), result)

    def test_secrets_are_on_no_command_line_and_in_no_child(self):
        stamp, _ = self.copied()
        seen = os.path.join(self.base, "seen")
        tools = self.dir("tools")
        for name in ("age", "zstd", "qemu-nbd"):
            with open(os.path.join(tools, name), "w", encoding="ascii") as f:
                f.write(f'#!/bin/sh\n(echo "$0 $*"; env) >>{seen}\nexec {shutil.which(name)} "$@"\n')
            os.chmod(f.name, 0o755)
        status, result = call("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch,
                              env=self.env(self.identity), search=tools + ":" + os.environ["PATH"])
        self.assertEqual(status, 0, result)
        with open(seen, encoding="utf-8") as f:
            text = f.read()
        self.assertIn("age -d", text)
        self.assertNotIn("AGE-SECRET-KEY", text)


if __name__ == "__main__":
    unittest.main()
