"""restic as the store."""

import os
import shutil
import subprocess
import unittest

from support import AgentCase, call

PASSWORD = {"RESTIC_PASSWORD": "correct horse"}


@unittest.skipUnless(shutil.which("restic"), "SKIPPED: restic is not installed")
class Restic(AgentCase):
    def setUp(self):
        super().setUp()
        self.repository = os.path.join(self.base, "repository")
        self.data = self.dir("data")
        for name in ("a.txt", "b.txt"):
            with open(os.path.join(self.data, name), "w", encoding="ascii") as f:
                f.write(name * 1000)

    def restic(self, action, kind=None, env=PASSWORD, **args):
        status, result = call("restic", action=action, repository=self.repository, env={**env, "HOME": self.base}, **args)
        self.assertEqual((status == 0, result.get("kind")), (kind is None, kind), result)
        return result

    def backup(self, stamp, **more):
        return self.restic("backup", source="home", stamp=stamp, paths=[self.data], **more)

    def test_there_and_back(self):
        self.assertTrue(self.restic("init")["created"])
        first = self.backup("20260101T010000Z")
        self.assertEqual(first["files"], 2)
        with open(os.path.join(self.data, "a.txt"), "a", encoding="ascii") as f:
            f.write("more")
        self.backup("20260102T010000Z", exclude=["b.txt"])
        self.backup("20260102T020000Z")
        listed = self.restic("snapshots", source="home")["snapshots"]
        self.assertEqual([(s["source"], s["stamp"]) for s in listed],
                         [("home", f"{s}Z") for s in ("20260101T010000", "20260102T010000", "20260102T020000")])
        self.assertEqual(self.restic("check", subset="100%")["problems"], [])
        self.restic("restore", snapshot=first["snapshot"], to=self.out)
        with open(self.out + os.path.join(self.data, "a.txt"), encoding="ascii") as f:
            self.assertEqual(f.read(), "a.txt" * 1000)
        dry = self.restic("forget", source="home", daily=1, weekly=0, monthly=0, dry_run=True)
        self.assertEqual((dry["kept"], len(dry["removed"])), (1, 2))
        self.restic("forget", source="home", daily=1, weekly=0, monthly=0)
        self.assertEqual([s["stamp"] for s in self.restic("snapshots")["snapshots"]], ["20260102T020000Z"])
        self.restic("forget", kind="usage", source="home", daily=0, weekly=0, monthly=0)

    def test_wrong_password_and_no_repository(self):
        self.restic("backup", kind="not-found", source="home", stamp="20260101T010000Z", paths=[self.data])
        self.restic("init")
        self.restic("init", kind="wrong-key", env={"RESTIC_PASSWORD": "wrong"})
        self.restic("snapshots", kind="usage", env={})
        self.assertFalse(self.restic("init")["created"])

    def test_damage_is_found(self):
        self.restic("init")
        self.backup("20260101T010000Z")
        packs = [os.path.join(w, n) for w, _, names in os.walk(os.path.join(self.repository, "data")) for n in names]
        for path in packs:
            os.chmod(path, 0o600)
            with open(path, "r+b") as f:
                f.seek(10)
                f.write(b"XXXX")
        self.restic("check", kind="corrupt", subset="100%")

    @unittest.skipIf(os.geteuid() == 0 and not shutil.which("setpriv"), "SKIPPED: root can read everything")
    def test_unreadable_files_make_it_incomplete(self):
        self.restic("init")
        os.chmod(os.path.join(self.data, "b.txt"), 0)
        for path in (self.base, self.repository, self.data):
            os.chmod(path, 0o777)
        for where, dirs, names in os.walk(self.repository):
            for name in dirs + names:
                os.chmod(os.path.join(where, name), 0o777)
        words = [os.path.join(os.path.dirname(__file__), "..", "backup_agent.py"), "restic", "--action=backup",
                 f"--repository={self.repository}", "--source=home", "--stamp=20260101T010000Z", f"--paths={self.data}"]
        if os.geteuid() == 0:
            words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-B", *words]
        done = subprocess.run(words, capture_output=True, text=True, check=False,
                              env=dict(os.environ, HOME=os.path.join(self.base, "nobody"), **PASSWORD))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn('"kind": "incomplete"', done.stdout)
        self.assertIn('"snapshot"', done.stdout)


if __name__ == "__main__":
    unittest.main()
