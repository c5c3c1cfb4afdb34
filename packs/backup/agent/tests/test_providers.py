"""Providers that need no hypervisor: devices, and Proxmox against a stand-in."""

import http.server
import json
import os
import re
import subprocess
import threading
import unittest
import urllib.parse

from support import AgentCase, call, run
from test_target import can_mount

TOKEN = "backup@pam!squall=3c0b7a5e"


class Node(http.server.BaseHTTPRequestHandler):
    """The part of Proxmox's API that the agent calls, for one node `pve1`."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        state, path = self.server.state, urllib.parse.unquote(self.path)
        if path == "/api2/json/nodes/pve1/qemu":
            return self.answer([{"vmid": 100, "name": "vm1", "status": state["status"]}, {"vmid": 101, "name": "vm2", "status": "stopped"}])
        if path == "/api2/json/nodes/pve1/qemu/100/config":
            return self.answer({"name": "vm1", "memory": 512, "scsi0": "local:100/vm-100-disk-0.qcow2,size=32M",
                                "ide2": "local:iso/x.iso,media=cdrom", "scsi1": "local:100/tmp.qcow2,backup=0", "scsihw": "virtio-scsi-pci"})
        if path == "/api2/json/nodes/pve1/qemu/101/config":
            return self.answer({"name": "vm2", "scsi0": "gone:101/x.raw"})
        if path == "/api2/json/nodes/pve1/storage/local/content/local:100/vm-100-disk-0.qcow2":
            return self.answer({"path": state["image"], "format": "qcow2", "size": 1})
        return self.answer(None, 500)

    def do_POST(self):
        state, path = self.server.state, urllib.parse.unquote(self.path)
        fields = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        command = fields.get("command", [""])[0]
        state["calls"].append(command or path.rsplit("/", 1)[1])
        if path.endswith("/agent/fsfreeze-freeze") and not state["agent"]:
            return self.answer(None, 500)
        copying = re.fullmatch(r"drive_backup -f drive-scsi0 (\S+) qcow2", command)
        if copying:
            run("qemu-img", "convert", "-U", "-f", "qcow2", "-O", "qcow2", state["image"], copying[1])
            state["polls"] = 2
        if command == "info block-jobs":
            state["polls"] -= 1
            return self.answer("Type backup, device drive-scsi0: 10 of 20\n" if state["polls"] > 0 else "No active jobs\n")
        return self.answer("")

    def answer(self, data, status=200):
        if self.headers["Authorization"] != "PVEAPIToken=" + TOKEN:
            data, status = None, 401
        body = json.dumps({"data": data}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Proxmox(AgentCase):
    def setUp(self):
        super().setUp()
        self.source = self.image("disk0", "32M", "write -P 0xaa 0 4M")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Node)
        self.server.state = self.pve = {"status": "stopped", "image": self.source, "agent": True, "calls": []}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.api = {"provider": "proxmox", "api": f"http://127.0.0.1:{self.server.server_port}", "node": "pve1"}
        os.environ["PROXMOX_TOKEN"] = TOKEN
        self.addCleanup(os.environ.pop, "PROXMOX_TOKEN")

    def test_list(self):
        listed = {m["name"]: m for m in self.good("list", **self.api)["machines"]}
        self.assertEqual((listed["vm1"]["id"], listed["vm1"]["state"], [d["name"] for d in listed["vm1"]["disks"]]), ("100", "off", ["scsi0"]))
        self.assertIn("500", listed["vm2"]["problem"])

    def test_stopped_has_levels(self):
        base, dumped = self.copy("vm1", **self.api)
        self.assertEqual((dumped["quiesced"], dumped["digest"][:7]), ("offline", "sha256:"))
        self.write(self.source, "write -P 3 20M 1M")
        stamp, dumped = self.copy("vm1", level=1, base=base, **self.api)
        self.assertEqual((dumped["level"], dumped["payload"]), (1, 1 << 20))
        self.good("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch)
        self.same(self.source, os.path.join(self.out, "scsi0.qcow2"))
        with open(os.path.join(self.out, "config.json"), encoding="ascii") as f:
            self.assertEqual(json.load(f)["memory"], 512)

    def test_running(self):
        self.pve["status"] = "running"
        stamp, dumped = self.copy("vm1", **self.api)
        self.assertEqual(dumped["quiesced"], "agent")
        calls = [c.split(" /")[0] for c in self.pve["calls"]]
        self.assertEqual(calls, ["fsfreeze-freeze", "drive_backup -f drive-scsi0", "fsfreeze-thaw", "info block-jobs", "info block-jobs"])
        self.good("restore", **self.where("vm1", stamp), to=self.out, scratch=self.scratch)
        self.same(self.source, os.path.join(self.out, "scsi0.qcow2"))
        self.nothing_left()
        self.pve["agent"] = False
        _, dumped = self.copy("vm1", level=1, base=stamp, **self.api)
        self.assertEqual((dumped["level"], dumped["quiesced"]), (0, "crash"))

    def test_wrong_token_and_no_server(self):
        status, result = call("list", env={"PROXMOX_TOKEN": "x"}, **self.api)
        self.assertEqual((status, result["kind"]), (1, "failed"))
        self.bad("list", "source-unreachable", **{**self.api, "api": "http://127.0.0.1:1"})
        self.bad("dump", "not-found", **self.dump_args("other", self.prepared("other"), **self.api))

    def prepared(self, source):
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where(source, stamp), run="run1")
        return stamp


class Images(AgentCase):
    def test_formats_are_not_guessed(self):
        # A guest could write this header into its raw disk, and name any file as its base.
        run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", os.path.join(self.images, "trap.img"), "1M")
        self.image("good", "1M", "write -P 1 0 64k")
        listed = {m["name"]: m for m in self.good("list", provider="image", directory=self.images)["machines"]}
        self.assertIsNone(listed["good"]["problem"])
        self.assertIn("raw or qcow2", listed["trap"]["problem"])
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("trap", stamp), run="run1")
        self.bad("dump", "unsafe-format", **self.dump_args("trap", stamp))
        # Said to be raw, it is backed up as the bytes it has.
        disk = {"name": "trap", "path": os.path.join(self.images, "trap.img"), "format": "raw"}
        self.good("prepare", **self.where("trap", stamp), run="run1")
        dumped = self.good("dump", **self.dump_args("trap", stamp, disks=[disk], directory=None))
        self.assertEqual(dumped["disks"][0]["size"], -(-os.path.getsize(disk["path"]) // 512) * 512)

    def test_base_without_a_format(self):
        self.image("base", "1M", "write -P 1 0 64k", fmt="raw")
        top = self.image("top", "1M", "write -P 1 0 512")
        run("qemu-img", "rebase", "-u", "-b", os.path.join(self.images, "base.raw"), "-F", "raw", top)
        # as older versions of qemu-img wrote it
        with open(top, "r+b") as f:
            data = f.read()
            at = data.index(bytes.fromhex("e2792aca"))  # the header extension with the base's format
            f.seek(at)
            f.write(bytes.fromhex("00000001"))  # unknown, and so passed over
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("top", stamp), run="run1")
        self.bad("dump", "unsafe-format", **self.dump_args("top", stamp))

    def test_unknown(self):
        self.bad("list", "source-unreachable", provider="image", directory=self.images + "/none")
        stamp = next(self.next_stamp)
        self.good("prepare", **self.where("vm9", stamp), run="run1")
        self.bad("dump", "not-found", **self.dump_args("vm9", stamp))
        self.good("prepare", **self.where("vm9", stamp), run="run1")
        self.bad("dump", "source-unreachable", **self.dump_args("vm9", stamp, directory=self.images + "/none"))


@unittest.skipUnless(can_mount(), "SKIPPED: loop devices need root")
class Devices(AgentCase):
    def device(self, size):
        path = os.path.join(self.base, f"disk{size}")
        run("truncate", "-s", size, path)
        device = run("losetup", "--find", "--show", path).strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", device], check=False)
        return device

    def test_there_and_back(self):
        source, other, small = self.device("16M"), self.device("20M"), self.device("1M")
        name = os.path.basename(source)
        self.write(source, "write -P 0xaa 1M 4M", "write -P 0xbb 7300k 4k", fmt="raw")
        self.write(other, "write -P 0xff 0 20M", fmt="raw")
        listed = self.good("list", provider="device", devices=[source])["machines"]
        self.assertEqual([(m["name"], m["size"], m["disks"][0]["incremental"]) for m in listed], [(name, 16 << 20, False)])
        device = {"provider": "device", "directory": None, "devices": [source]}
        stamp, dumped = self.copy(name, **device)
        self.assertEqual((dumped["payload"], dumped["quiesced"]), ((4 << 20) + (64 << 10), "offline"))
        where = dict(self.where(name, stamp), scratch=self.scratch)
        self.bad("restore", "exists", **where, to=other)
        self.bad("restore", "no-space", **where, to=small, overwrite=True)
        self.good("restore", **where, to=other, overwrite=True)  # what was there before is not seen any more
        with open(source, "rb") as a, open(other, "rb") as b:
            self.assertEqual(a.read(), b.read(16 << 20))


if __name__ == "__main__":
    unittest.main()
