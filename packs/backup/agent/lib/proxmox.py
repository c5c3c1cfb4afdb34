"""Machines of Proxmox VE, through its API on the node that has them.

One that is off is read from its image files. Of one that runs, qemu itself makes a
point-in-time copy in the holding directory (the monitor's drive_backup), which is
then read like any other; such copies are level 0. Written from the published API;
tested against a stand-in, not against a Proxmox server.
"""

import contextlib
import json
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

from failure import Failure
import image
import life
import machines
import nbdio
import tools
import work

_DISK = re.compile(r"(?:scsi|virtio|sata|ide)\d+")
_FREEZE = 60  # seconds a guest is frozen at most


class Api:
    def __init__(self, args):
        if not args.api:
            raise Failure("usage", "api: the address of the API, as https://127.0.0.1:8006")
        if not tools.secrets.get("PROXMOX_TOKEN"):
            raise Failure("usage", "PROXMOX_TOKEN is not in the environment")
        self.base = args.api.rstrip("/") + "/api2/json/nodes/" + urllib.parse.quote(args.node or socket.gethostname().split(".")[0])
        context = ssl.create_default_context(cafile=args.ca) if args.api.startswith("https:") else None
        handlers = [urllib.request.ProxyHandler({})] + ([urllib.request.HTTPSHandler(context=context)] if context else [])
        self.opener = urllib.request.build_opener(*handlers)

    def call(self, method, path, **fields):
        data = urllib.parse.urlencode(fields).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + path, data=data, method=method,
                                         headers={"Authorization": "PVEAPIToken=" + tools.secrets["PROXMOX_TOKEN"]})
        try:
            with self.opener.open(request, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as e:
            raise Failure("failed", f"Proxmox: {method} {path}: {e.code} {e.reason}") from None
        except (OSError, ValueError, KeyError) as e:
            raise Failure("source-unreachable", f"Proxmox: {method} {path}: {e}") from None

    def machine(self, name):
        for m in self.call("GET", "/qemu"):
            if name in (m.get("name"), str(m["vmid"])):
                return m
        raise Failure("not-found", f"Proxmox has no machine {name} on this node")

    def disks(self, vmid):
        """The machine's disks but for CD drives and what Proxmox itself leaves out (backup=0)."""
        found = []
        for key, value in sorted(self.call("GET", f"/qemu/{vmid}/config").items()):
            volume, *options = str(value).split(",")
            if not _DISK.fullmatch(key) or volume == "none" or {"media=cdrom", "backup=0"} & set(options):
                continue
            storage = volume.split(":", 1)[0]
            if storage.startswith("/"):
                found.append({"name": key, "path": volume, "format": None})
                continue
            known = self.call("GET", f"/storage/{urllib.parse.quote(storage)}/content/{urllib.parse.quote(volume, safe='')}")
            found.append({"name": key, "path": known["path"], "format": known["format"] if known["format"] == "qcow2" else "raw"})
        return found

    def monitor(self, vmid, command):
        return self.call("POST", f"/qemu/{vmid}/monitor", command=command) or ""


class Proxmox:
    @staticmethod
    def list(args):
        api, found = Api(args), []
        for m in api.call("GET", "/qemu"):
            name, state = m.get("name") or str(m["vmid"]), "running" if m["status"] == "running" else "off"
            try:
                found.append(machines.entry(name, state, api.disks(m["vmid"]), str(m["vmid"])))
            except Failure as e:
                found.append(dict(machines.entry(name, state, [], str(m["vmid"])), problem=str(e)))
        return found

    @staticmethod
    def Machine(args):
        api = Api(args)
        m = api.machine(args.machine)
        definition = json.dumps(api.call("GET", f"/qemu/{m['vmid']}/config"), indent=1, sort_keys=True)
        kind = Running if m["status"] == "running" else machines.Offline
        machine = kind(args, api.disks(m["vmid"]), ("config.json", definition))
        machine.api, machine.vmid = api, m["vmid"]
        return machine


class Running(machines.Offline):
    def check_incremental(self, plan, bases):
        return plan.full("the machine runs, and Proxmox's API has no copies of changes alone")

    @contextlib.contextmanager
    def reading(self, plan):
        with work.directory(self.args.holding, self.args.run) as base:
            os.chmod(base, 0o711)
            copies = {d["name"]: os.path.join(base, d["name"] + ".qcow2") for d in self.disks}
            try:
                quiesced = self._begin(plan, copies)
                self._wait()
            except BaseException:
                with life.shield():
                    for d in self.disks:
                        with contextlib.suppress(Failure):
                            self.api.monitor(self.vmid, f"block_job_cancel -f drive-{d['name']}")
                raise
            yield Copied(plan, set(), quiesced, copies)

    def _begin(self, plan, copies):
        agent = f"/qemu/{self.vmid}/agent/"

        def thaw():
            with contextlib.suppress(Failure):
                self.api.call("POST", agent + "fsfreeze-thaw")

        if plan.args.quiesce == "none":
            return self._start(copies, lambda: False)
        with life.surely(thaw, _FREEZE) as frozen:
            held = True
            try:
                self.api.call("POST", agent + "fsfreeze-freeze")
            except Failure:
                if plan.args.quiesce == "agent":
                    raise
                held = False
            return self._start(copies, lambda: held and frozen())

    def _start(self, copies, frozen):
        for name, path in copies.items():
            said = self.api.monitor(self.vmid, f"drive_backup -f drive-{name} {path} qcow2")
            if said.strip():
                raise Failure("failed", f"Proxmox: drive_backup of {name}: {said.strip()}")
        return "agent" if frozen() else "crash"

    def _wait(self):
        while "drive-" in self.api.monitor(self.vmid, "info block-jobs"):
            time.sleep(0.5)

    def keep_bitmaps(self, names):
        pass  # it has none


class Copied(machines.Reading):
    def __init__(self, plan, tracked, quiesced, copies):
        super().__init__(plan, tracked, quiesced)
        self.copies = copies

    def open(self, disk):
        path = self.copies[disk["name"]]
        return nbdio.Server(path, image.node(path, "qcow2"))
