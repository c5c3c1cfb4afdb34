"""Calls that do not end by themselves: signals, lost connections, KILL."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from support import AgentCase, call, run, until, users_of, words


class Ends(AgentCase):
    def setUp(self):
        super().setUp()
        self.source = self.image("vm1", "64M", "write -P 0xaa 0 48M")

    def begin(self, command, **args):
        """Starts a call whose output is read by us; returns the process."""
        p = subprocess.Popen(words(command, args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        self.addCleanup(p.stderr.close)
        self.addCleanup(p.stdout.close)
        return p

    def begin_dump(self, **more):
        """A dump that is in the middle of its bytes."""
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        p = self.begin("dump", **self.dump_args("vm1", stamp, rate_limit="2M", **more))
        image = self.path("vm1", stamp, "vm1.qcow2", suffix=".partial")
        until(lambda: os.path.exists(image) and os.path.getsize(image) > 1 << 20, "the dump has begun")
        return stamp, p

    def clean(self, stamp):
        self.assertFalse(os.path.exists(self.path("vm1", stamp, suffix=".partial")))
        until(lambda: not users_of(self.source), "the source is closed")
        known = json.loads(run("qemu-img", "info", "--output=json", self.source))
        self.assertNotIn("squall-" + stamp, [b["name"] for b in known["format-specific"]["data"].get("bitmaps", [])])
        self.assertEqual(os.listdir(self.holding), [])

    def test_signals(self):
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            stamp, p = self.begin_dump()
            p.send_signal(signum)
            began = time.monotonic()
            out, _ = p.communicate(timeout=60)
            result = json.loads(out)
            self.assertEqual((p.returncode, result["ok"], result["kind"]), (128 + signum, False, "canceled"))
            self.assertLess(time.monotonic() - began, 30)
            self.clean(stamp)
        self.copy()

    def test_signal_to_all_processes_at_once(self):
        # This is how the server ends a command: every process of it gets TERM.
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        p = subprocess.Popen(words("dump", self.dump_args("vm1", stamp, rate_limit="2M")), stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        image = self.path("vm1", stamp, "vm1.qcow2", suffix=".partial")
        until(lambda: os.path.exists(image) and os.path.getsize(image) > 1 << 20, "the dump has begun")
        os.killpg(p.pid, signal.SIGTERM)
        out, _ = p.communicate(timeout=60)
        self.assertFalse(json.loads(out)["ok"])
        self.clean(stamp)

    def test_lost_connection(self):
        stamp, p = self.begin_dump()
        p.stdout.close()  # as when sshd has gone: no signal, only nobody who reads
        self.assertEqual(p.wait(timeout=60), 128 + signal.SIGHUP)
        self.clean(stamp)

    def test_killed_in_dump(self):
        base, _ = self.copy()
        stamp, p = self.begin_dump()
        p.kill()
        p.wait()
        until(lambda: not users_of(self.source), "qemu-nbd has ended with the agent")
        self.assertTrue(os.path.isdir(self.path("vm1", stamp, suffix=".partial")))
        found = {c["stamp"]: c["state"] for c in self.good("scan", root=self.root, target="nas1")["copies"]}
        self.assertEqual(found, {base: "committed", stamp: "partial"})
        # The next run clears it away and works, on the base from before.
        later, dumped = self.copy(level=1, base=base)
        self.assertEqual(dumped["level"], 1)
        found = {c["stamp"]: c["state"] for c in self.good("scan", root=self.root, target="nas1")["copies"]}
        self.assertEqual(found, {base: "committed", later: "committed"})
        known = json.loads(run("qemu-img", "info", "--output=json", self.source))
        self.assertEqual({b["name"] for b in known["format-specific"]["data"]["bitmaps"]}, {"squall-" + base, "squall-" + later})
        run("qemu-img", "check", self.source)

    def slow_zstd(self):
        """A PATH in which compressing waits until a file is there."""
        tools = self.dir("tools")
        gate = os.path.join(tools, "go")
        with open(os.path.join(tools, "zstd"), "w", encoding="ascii") as f:
            f.write(f'#!/bin/sh\ncase "$*" in *-d*) ;; *) while [ ! -e {gate} ]; do sleep 0.05; done;; esac\nexec /usr/bin/zstd "$@"\n')
        os.chmod(f.name, 0o755)
        return tools + ":" + os.environ["PATH"], gate

    def begin_compress(self):
        stamp, _ = self.dump()
        self.good("verify", **self.where("vm1", stamp), scratch=self.scratch)
        path, _ = self.slow_zstd()
        p = subprocess.Popen(words("compress", self.where("vm1", stamp)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             env=dict(os.environ, PATH=path), text=True)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        temporary = self.path("vm1", stamp, "vm1.qcow2.zst.tmp", suffix=".partial")
        until(lambda: os.path.exists(temporary), "compressing has begun")
        return stamp, p, temporary

    def test_term_in_compress(self):
        stamp, p, temporary = self.begin_compress()
        p.terminate()
        self.assertEqual(json.loads(p.communicate(timeout=60)[0])["kind"], "canceled")
        self.assertFalse(os.path.exists(temporary))
        self.good("compress", **self.where("vm1", stamp))
        self.good("commit", **self.where("vm1", stamp))

    def test_killed_in_compress(self):
        stamp, p, temporary = self.begin_compress()
        p.kill()
        p.wait()
        self.assertTrue(os.path.exists(temporary))
        # Going on is possible, and what lies about does not become part of the copy.
        self.good("commit", **self.where("vm1", stamp))
        self.assertEqual(sorted(os.listdir(self.path("vm1", stamp))),
                         ["manifest.json", "run.json", "verified.json", "vm1.blocks.zst", "vm1.qcow2"])
        self.good("verify", **self.where("vm1", stamp), scratch=self.scratch)

    def test_killed_between_manifest_and_the_old_file(self):
        stamp, _ = self.dump()
        self.good("verify", **self.where("vm1", stamp), scratch=self.scratch)
        plain = self.path("vm1", stamp, "vm1.qcow2", suffix=".partial")
        kept = os.path.join(self.base, "kept")
        os.link(plain, kept)
        self.good("compress", **self.where("vm1", stamp))
        os.link(kept, plain)
        self.good("commit", **self.where("vm1", stamp))
        self.assertNotIn("vm1.qcow2", os.listdir(self.path("vm1", stamp)))

    def test_busy_waits_for_one_that_is_ending(self):
        stamp, p = self.begin_dump()
        threading.Timer(1, p.terminate).start()
        self.good("prepare", **self.where("vm1", next(self.next_stamp)), run="run2")
        p.wait()
        self.clean(stamp)

    def test_a_partial_that_is_worked_on_is_not_reaped(self):
        stamp, p = self.begin_dump()
        kept = self.good("reap", root=self.root, target="nas1", run="run1", holding=self.holding)["kept"]
        self.assertEqual([k["path"] for k in kept], [f"vm1/{stamp}.partial"])
        self.assertIsNone(p.poll())
        p.terminate()
        p.wait()

    def test_restore(self):
        stamp, _ = self.copy()
        p = self.begin("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch, rate_limit="2M")
        until(lambda: os.listdir(self.out), "the restore has begun")
        p.terminate()
        self.assertEqual(json.loads(p.communicate(timeout=60)[0])["kind"], "canceled")
        self.assertEqual((os.listdir(self.out), os.listdir(self.scratch)), ([], []))

    def test_work_directories_of_the_killed_are_swept(self):
        stamp, _ = self.copy()
        p = self.begin("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch, rate_limit="2M")
        until(lambda: os.listdir(self.scratch) and os.listdir(self.out), "the restore has begun")
        p.kill()
        p.wait()
        self.assertEqual(len(os.listdir(self.scratch)), 1)
        self.good("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch)
        self.assertEqual((os.listdir(self.out), os.listdir(self.scratch)), (["vm1.qcow2"], []))

    def test_missed(self):
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        self.bad("dump", "missed", **self.dump_args("vm1", stamp, not_after="2026-01-01T00:00:00Z"))
        status, result = call("dump", **self.dump_args("vm1", stamp, not_after=str(time.time() + 3600)))
        self.assertEqual(status, 0, result)

    def test_rate_limit(self):
        began = time.monotonic()
        _, dumped = self.dump(rate_limit="32M")
        self.assertGreater(time.monotonic() - began, 1.0)  # 48 MiB, a quarter of a second of it for nothing
        self.assertLess(dumped["bytes_per_second"], 48 << 20)


class Surely(unittest.TestCase):
    """The undoing that not even KILL prevents."""

    def start(self, log, within, hang):
        code = ("import life, os, time\n"
                f"with life.surely(lambda: os.write(os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND), b'undone'), {within}) as waits:\n"
                f"    print(waits(), flush=True)\n    time.sleep({hang})\n    print(waits(), flush=True)\n")
        lib = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")
        return subprocess.Popen(["/usr/bin/python3", "-B", "-c", code], cwd=lib, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def test_all_ways(self):
        for name, within, hang, end in (("done", 60, 0, None), ("killed", 60, 600, signal.SIGKILL), ("late", 0.2, 1, None)):
            with self.subTest(name), tempfile.TemporaryDirectory() as d:
                log = os.path.join(d, "log")
                p = self.start(log, within, hang)
                first = p.stdout.readline()
                if end:
                    self.assertFalse(os.path.exists(log))
                    p.send_signal(end)
                until(lambda: os.path.exists(log) and os.path.getsize(log), "it was undone")
                with p.stdout:
                    rest = p.stdout.read()  # communicate() would not see what readline() has read too much
                p.wait(timeout=60)
                with open(log, encoding="ascii") as f:
                    self.assertEqual(f.read(), "undone")
                self.assertEqual(first, "True\n")
                if not end:
                    self.assertEqual(rest, "True\n" if name == "done" else "False\n")


if __name__ == "__main__":
    unittest.main()
