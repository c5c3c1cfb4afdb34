"""A connection that breaks while the agent works at its other end, with a real sshd."""

import json
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import unittest

from support import AGENT, AgentCase, run, until, users_of, words

SSHD = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")


@unittest.skipUnless(SSHD and shutil.which("ssh"), "SKIPPED: openssh-server or openssh-client is not installed")
class Connection(AgentCase):
    def setUp(self):
        super().setUp()
        keys = self.dir("keys")
        os.chmod(keys, 0o700)
        for name in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(keys, name))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        os.makedirs("/run/sshd", exist_ok=True)
        self.sshd = subprocess.Popen([SSHD, "-D", "-e", "-f", "/dev/null", "-p", str(self.port), "-o", "ListenAddress=127.0.0.1", "-o", f"HostKey={keys}/host",
                                      "-o", f"AuthorizedKeysFile={keys}/user.pub", "-o", "UsePAM=no", "-o", "StrictModes=no", "-o", "PidFile=none", "-o", "Subsystem=sftp internal-sftp"],
                                     stderr=subprocess.DEVNULL)
        self.addCleanup(self.sshd.wait)
        self.addCleanup(self.sshd.terminate)
        self.ssh = ["ssh", "-F", "none", "-p", str(self.port), "-i", f"{keys}/user", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                    "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", f"{pwd.getpwuid(os.geteuid()).pw_name}@127.0.0.1"]
        until(lambda: subprocess.run([*self.ssh, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0, "sshd answers")

    def test_the_partial_goes_with_the_connection(self):
        source = self.image("vm1", "64M", "write -P 0xaa 0 48M")
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm1", stamp), run="run1")
        line = shlex.join(words("dump", self.dump_args("vm1", stamp, rate_limit="2M")))
        client = subprocess.Popen([*self.ssh, line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        partial = self.path("vm1", stamp, suffix=".partial")
        image = os.path.join(partial, "vm1.qcow2")
        until(lambda: os.path.exists(image) and os.path.getsize(image) > 1 << 20, "the dump has begun")
        client.send_signal(signal.SIGKILL)
        until(lambda: not os.path.exists(partial), "the partial is gone", 30)
        until(lambda: not users_of(source), "the source is closed", 30)
        known = json.loads(run("qemu-img", "info", "--output=json", source))
        self.assertEqual(known["format-specific"]["data"].get("bitmaps", []), [])

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("sshfs") and os.path.exists("/dev/fuse"), "SKIPPED: sshfs needs root and /dev/fuse")
    def test_target_over_sshfs(self):
        at, keys = os.path.join(self.base, "mnt"), os.path.join(self.base, "keys")
        self.addCleanup(subprocess.run, ["umount", "-q", "-l", at], stderr=subprocess.DEVNULL, check=False)
        options = f"port={self.port},IdentityFile={keys}/user,StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null"
        what = f"{pwd.getpwuid(os.geteuid()).pw_name}@127.0.0.1:{self.root}"
        self.bad("mount", "target-not-mounted", kind="sshfs", what=what, at=at, target="nas9", options=options)
        self.assertFalse(os.path.exists(at))
        self.good("mount", kind="sshfs", what=what, at=at, target="nas1", options=options)
        source = self.image("vm1", "16M", "write -P 0xaa 0 4M")
        there, self.root = self.root, at
        stamp, _ = self.dump()
        self.root = there  # verified and compressed on the server, committed through the mount
        self.good("verify", **self.where("vm1", stamp), scratch=self.scratch)
        self.good("compress", **self.where("vm1", stamp))
        self.root = at
        self.good("commit", **self.where("vm1", stamp))
        self.write(source, "write -P 3 1M 64k")
        _, dumped = self.copy(level=1, base=stamp)
        self.assertEqual((dumped["level"], dumped["payload"]), (1, 65536))
        self.assertFalse(self.good("unmount", at=at)["lazy"])

    def test_output_arrives(self):
        done = subprocess.run([*self.ssh, shlex.join([AGENT, "scan", f"--root={self.root}", "--target=nas1"])], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(done.stdout)["copies"], [])


if __name__ == "__main__":
    unittest.main()
