"""Machines of libvirt: its test driver, and a real hypervisor with a machine that runs
(no operating system in it: what counts is its disk)."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import unittest

from support import MIB, AgentCase, call, run, until, users_of, words

LIBVIRTD = shutil.which("libvirtd", path=os.environ["PATH"] + ":/usr/sbin")
READY = LIBVIRTD and shutil.which("virsh") and shutil.which("qemu-system-x86_64")

DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{path}'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
<controller type='usb' model='none'/><memballoon model='none'/></devices></domain>"""


@unittest.skipUnless(shutil.which("virsh"), "SKIPPED: libvirt-clients is not installed")
class Listed(AgentCase):
    def test_driver(self):
        machines = self.good("list", provider="libvirt", uri="test:///default")["machines"]
        self.assertEqual([(m["name"], m["state"]) for m in machines], [("test", "running")])
        self.assertTrue(machines[0]["id"])

    def test_offline_domain_and_one_with_a_lost_disk(self):
        path = self.image()
        stub = os.path.join(self.base, "test.xml")
        with open(stub, "w", encoding="ascii") as f:
            f.write("<node><cpu><mhz>1</mhz><model>x</model><active>1</active><nodes>1</nodes><sockets>1</sockets><cores>1</cores>"
                    "<threads>1</threads></cpu><memory>1</memory>")
            for name, disk in (("vm1", path), ("vm2", "/nonexistent.qcow2")):
                f.write(f"<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>{name}</name><memory>1024</memory>"
                        "<os><type>hvm</type></os><test:runstate>5</test:runstate><devices><disk type='file' device='disk'>"
                        f"<driver name='qemu' type='qcow2'/><source file='{disk}'/><target dev='vda'/></disk></devices></domain>")
            f.write("</node>")
        uri = f"test://{stub}"
        listed = {m["name"]: m for m in self.good("list", provider="libvirt", uri=uri)["machines"]}
        self.assertEqual((listed["vm1"]["state"], listed["vm1"]["problem"]), ("off", None))
        self.assertIn("/nonexistent", listed["vm2"]["problem"])
        stamp, dumped = self.copy(provider="libvirt", uri=uri)
        self.assertEqual((dumped["quiesced"], dumped["disks"][0]["name"]), ("offline", "vda"))
        self.good("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch)
        self.same(path, os.path.join(self.out, "vda.qcow2"))
        with open(os.path.join(self.out, "domain.xml"), encoding="ascii") as f:
            self.assertIn("<name>vm1</name>", f.read())
        self.write(path, "write -P 5 1M 1M")
        _, dumped = self.copy(provider="libvirt", uri=uri, level=1, base=stamp)
        self.assertEqual((dumped["level"], dumped["payload"]), (1, MIB))

    def test_unreachable(self):
        self.bad("list", "source-unreachable", provider="libvirt", uri="qemu+unix:///system?socket=/nonexistent")
        self.bad("dump", "source-unreachable", **self.dump_args("vm1", self.prepared(), provider="libvirt",
                                                                uri="qemu+unix:///system?socket=/nonexistent"))

    def prepared(self):
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        return stamp


def cmdline(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read()
    return b""


@unittest.skipUnless(READY, "SKIPPED: libvirt-daemon or qemu-system-x86 is not installed")
class Live(AgentCase):
    """The agent is root, the hypervisor is not: as on any Debian."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        import tempfile
        cls.home = tempfile.mkdtemp(prefix="sqvirt-")
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        env = dict(os.environ, HOME=cls.home, XDG_RUNTIME_DIR=cls.home, XDG_CONFIG_HOME=cls.home + "/c", XDG_CACHE_HOME=cls.home + "/k")
        words = [LIBVIRTD]
        cls.uid = os.geteuid()
        if cls.uid == 0:
            nobody = pwd.getpwnam("nobody")
            cls.uid = nobody.pw_uid
            words = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", *words]
            os.chown(cls.home, nobody.pw_uid, nobody.pw_gid)
        with open(os.path.join(cls.home, "log"), "wb") as log:
            cls.daemon = subprocess.Popen(words, env=env, stdout=log, stderr=log, cwd="/")
        cls.addClassCleanup(cls.daemon.wait)
        cls.addClassCleanup(cls.daemon.terminate)
        socket = os.path.join(cls.home, "libvirt", "libvirt-sock")
        until(lambda: os.path.exists(socket), "libvirtd has its socket")
        cls.uri = f"qemu:///session?socket={socket}"

    def setUp(self):
        super().setUp()
        self.source = self.image("vm1", "64M", "write -P 0xaa 0 16M")
        os.chown(self.images, self.uid, -1)
        os.chown(self.source, self.uid, -1)
        os.chmod(self.holding, 0o755)
        self.virsh_input = os.path.join(self.base, "domain.xml")
        with open(self.virsh_input, "w", encoding="ascii") as f:
            f.write(DOMAIN.format(name="vm1", path=self.source))
        self.virsh("define", self.virsh_input)
        self.addCleanup(self.undefine)
        self.virsh("start", "vm1")

    def undefine(self):
        for words in (["destroy"], ["undefine", "--checkpoints-metadata"]):
            subprocess.run(["virsh", "-q", "-c", self.uri, words[0], "vm1", *words[1:]], capture_output=True, check=False)
        until(lambda: not users_of(self.source), "the machine is off")

    def virsh(self, *words):
        return run("virsh", "-q", "-c", self.uri, *words)

    def guest_writes(self, command):
        self.virsh("qemu-monitor-command", "--hmp", "vm1", f'qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend "{command}"')

    def live(self, **more):
        return self.copy(provider="libvirt", uri=self.uri, directory=None, **more)

    def checkpoints(self):
        return self.virsh("checkpoint-list", "vm1", "--name").split()

    def test_levels_while_it_runs(self):
        listed = self.good("list", provider="libvirt", uri=self.uri)["machines"]
        self.assertEqual([(m["name"], m["state"], [d["name"] for d in m["disks"]]) for m in listed], [("vm1", "running", ["vda"])])
        base, dumped = self.live()
        self.assertEqual((dumped["level"], dumped["quiesced"], dumped["payload"]), (0, "crash", 16 * MIB))
        self.guest_writes("write -P 0x77 40M 4M")
        self.guest_writes("write -z 1M 1M")
        stamp, dumped = self.live(level=1, base=base)
        self.assertEqual((dumped["level"], dumped["payload"], dumped["full_because"]), (1, 4 * MIB, None))
        self.assertEqual(sorted(self.checkpoints()), ["squall-" + base, "squall-" + stamp])
        self.guest_writes("write -P 0x78 50M 64k")
        last, dumped = self.live(level=2, base=stamp)
        self.assertEqual((dumped["level"], dumped["payload"]), (2, 65536))
        self.assertEqual(sorted(self.checkpoints()), ["squall-" + stamp, "squall-" + last])
        self.good("restore", **self.where("vm1", last), to=self.out, scratch=self.scratch)
        self.virsh("destroy", "vm1")
        self.same(self.source, os.path.join(self.out, "vda.qcow2"))
        self.nothing_left()

    def test_plain_image_of_a_running_machine_is_refused(self):
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        self.bad("dump", "in-use", **self.dump_args("vm1", stamp))

    def test_base_without_checkpoint(self):
        base, _ = self.live()
        self.virsh("checkpoint-delete", "vm1", "squall-" + base)
        _, dumped = self.live(level=1, base=base)
        self.assertEqual(dumped["level"], 0)
        self.assertIn("checkpoint", dumped["full_because"])

    def begin(self, search=None):
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        p = subprocess.Popen(words("dump", self.dump_args("vm1", stamp, provider="libvirt", uri=self.uri, directory=None, rate_limit="2M")),
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ, **({"PATH": search} if search else {})))
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return stamp, p

    def begun(self, stamp):
        path = self.path("vm1", stamp, "vda.qcow2", suffix=".partial")
        until(lambda: os.path.exists(path) and os.path.getsize(path) > MIB, "the dump has begun")

    def test_term(self):
        stamp, p = self.begin()
        self.begun(stamp)
        p.terminate()
        p.wait()
        self.assertEqual(self.checkpoints(), [])
        self.assertIn("None", self.virsh("domjobinfo", "vm1"))
        self.live()

    def test_killed_and_reaped(self):
        base, _ = self.live()
        stamp, p = self.begin()
        self.begun(stamp)
        p.kill()
        p.wait()
        self.assertIn("squall-" + stamp, self.checkpoints())
        reaped = self.good("reap", root=self.root, target="nas1", source="vm1", provider="libvirt", uri=self.uri, machine="vm1", holding=self.holding)
        self.assertEqual(reaped["checkpoints"], ["squall-" + stamp])
        self.assertIn("None", self.virsh("domjobinfo", "vm1"))
        _, dumped = self.live(level=1, base=base)
        self.assertEqual(dumped["level"], 1)

    def test_reaping_leaves_what_works(self):
        stamp, p = self.begin()
        self.begun(stamp)
        self.good("reap", root=self.root, target="nas1", source="vm1", provider="libvirt", uri=self.uri, machine="vm1", holding=self.holding)
        self.assertIn("squall-" + stamp, self.checkpoints())
        self.assertNotIn("None", self.virsh("domjobinfo", "vm1"))
        p.terminate()
        p.wait()

    def fake_guest_agent(self, hang=False):
        """A virsh in which freezing works, as with an agent in the guest, and is noted."""
        tools, log = self.dir("tools"), os.path.join(self.base, "frozen")
        real = shutil.which("virsh")
        with open(os.path.join(tools, "virsh"), "w", encoding="ascii") as f:
            f.write("#!/bin/sh\n"
                    f'case "$4" in domfsfreeze) echo freeze >>{log}; exit 0;; domfsthaw) echo thaw >>{log}; exit 0;;\n'
                    f'backup-begin) echo begin >>{log}; {"sleep 20" if hang else ":"};; esac\nexec {real} "$@"\n')
        os.chmod(f.name, 0o755)
        return tools + ":" + os.environ["PATH"], log

    def lines(self, log):
        if not os.path.exists(log):
            return []
        with open(log, encoding="ascii") as f:
            return f.read().split()

    def test_frozen_only_for_the_moment(self):
        search, log = self.fake_guest_agent()
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        status, dumped = call("dump", search=search, **self.dump_args("vm1", stamp, provider="libvirt", uri=self.uri, directory=None))
        self.assertEqual((status, dumped["quiesced"]), (0, "agent"), dumped)
        self.assertEqual(self.lines(log), ["freeze", "begin", "thaw"])

    def test_killed_while_frozen_is_thawed(self):
        search, log = self.fake_guest_agent(hang=True)
        _, p = self.begin(search)
        until(lambda: "begin" in self.lines(log), "the guest is frozen")
        p.kill()
        p.wait()
        until(lambda: "thaw" in self.lines(log), "the guest is thawed")

    def test_nothing_survived_that_could_thaw(self):
        search, log = self.fake_guest_agent(hang=True)
        stamp, p = self.begin(search)
        until(lambda: "begin" in self.lines(log), "the guest is frozen")
        # The agent and the process that thaws, both at once.
        mine = [int(d) for d in os.listdir("/proc") if d.isdigit() and b"dump\0--root=" + self.root.encode() in cmdline(d)]
        self.assertEqual(len(mine), 2)
        for signum in (signal.SIGSTOP, signal.SIGKILL):
            for pid in mine:
                os.kill(pid, signum)
        p.wait()
        until(lambda: not any(os.path.exists(f"/proc/{pid}/fd/0") for pid in mine), "both are dead")
        self.good("tools")
        self.assertEqual(self.lines(log), ["freeze", "begin"])
        status, result = call("reap", search=search, root=self.root, target="nas1", holding=self.holding)
        self.assertEqual((status, result["thawed"]), (0, ["vm1"]), result)
        self.assertEqual(self.lines(log)[-1], "thaw")
        self.assertEqual(os.listdir(self.holding), [])

    def test_freezing_is_demanded(self):
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        self.bad("dump", "failed", **self.dump_args("vm1", stamp, provider="libvirt", uri=self.uri, directory=None, quiesce="agent"))
        self.assertEqual(self.checkpoints(), [])


if __name__ == "__main__":
    unittest.main()
