"""The providers: where machines and their disks are found, and how they are read.

A provider is a class with
    list(args)              the machines as dicts, for `list`
    Machine(args)           one of them, for `dump`:
        disks               [{"name", "path", "format"}]
        definition()        name and text of a file that describes the machine, or None
        check_incremental(plan, bases)   calls plan.full(why) when only level 0 is possible
        reading(plan)       a `with` in which the disks are a point in time; its value is
                            a Reading: open(disk), tracked(disk), quiesced
        keep_bitmaps(names) removes the agent's other bitmaps
"""

import contextlib
import fnmatch
import os
import socket
import sys

from failure import Failure
import image
import nbdio


def provider(name):
    if name in ("image", "device"):
        return {"image": Images, "device": Devices}[name]
    if name == "libvirt":
        import virsh
        return virsh.Libvirt
    if name == "proxmox":
        import proxmox
        return proxmox.Proxmox
    raise Failure("usage", f"provider {name!r}: image, device, libvirt or proxmox")


def open_machine(args):
    return provider(args.provider).Machine(args)


def list_machines(args):
    found = [m for m in provider(args.provider).list(args) if selected(m["name"], args.include, args.exclude)]
    found.sort(key=lambda m: m["name"])
    return {"host": socket.gethostname(), "provider": args.provider, "machines": found}


def selected(name, include, exclude):
    return (not include or any(fnmatch.fnmatchcase(name, p) for p in include)) and \
        not any(fnmatch.fnmatchcase(name, p) for p in exclude)


def entry(name, state, disks, ident=None):
    """A machine as `list` shows it. A disk that cannot be looked at is its problem alone."""
    shown, problem = [], None
    for d in disks:
        try:
            shown.append(image.describe(d["name"], d["path"], d.get("format")))
        except Failure as e:
            problem = str(e)
            shown.append({"name": d["name"], "path": d["path"], "format": d.get("format"), "size": 0, "allocated": 0,
                          "bitmaps": [], "incremental": False})
    return {"name": name, "state": state, "id": ident, "disks": shown, "size": sum(d["size"] for d in shown),
            "allocated": sum(d["allocated"] for d in shown), "problem": problem}


class Reading:
    """Disks that are read as they are, each kept by a qemu-nbd: qemu's locks keep a
    machine from being started on them meanwhile."""

    def __init__(self, plan, tracked, quiesced="offline"):
        self.plan, self._tracked, self.quiesced = plan, tracked, quiesced

    def tracked(self, disk):
        return disk["name"] in self._tracked

    def open(self, disk):
        bitmap = image.BITMAP + self.plan.base if self.plan.level else None
        return nbdio.Image(disk["path"], image.node(disk["path"], disk["format"], chain=True), bitmap=bitmap)


class Offline:
    """A machine that is off: image files."""

    def __init__(self, args, disks, definition=None):
        self.args, self._definition = args, definition
        self.disks = [{"name": d["name"], "path": d["path"], "format": image.format_of(d["path"], d.get("format"))} for d in disks]
        for d in self.disks:
            if "/" in d["name"] or d["name"].startswith("."):
                raise Failure("usage", f"a disk cannot be named {d['name']!r}")
        if len({d["name"] for d in self.disks}) != len(self.disks) or not self.disks:
            raise Failure("usage", f"the disks of {args.machine} must have different names, and be there")

    def definition(self):
        return self._definition

    def check_incremental(self, plan, bases):
        wanted = image.BITMAP + plan.base
        for d in self.disks:
            if d["format"] != "qcow2":
                return plan.full(f"disk {d['name']} is {d['format']}, which keeps no record of its changes")
            known = image.info(d["path"], d["format"])
            flags = image.bitmaps_of(known).get(wanted)
            if flags is None:
                return plan.full(f"disk {d['name']} has no bitmap {wanted}")
            if "in-use" in flags or "auto" not in flags:
                return plan.full(f"the bitmap {wanted} of disk {d['name']} is not usable, as after a crash of the host")
            if known["virtual-size"] != bases[d["name"]].size:
                return plan.full(f"the size of disk {d['name']} has changed")
        return None

    @contextlib.contextmanager
    def reading(self, plan):
        tracked = set()
        try:
            for d in self.disks:
                if d["format"] == "qcow2" and not image.is_device(d["path"]):
                    image.add_bitmap(d["path"], plan.bitmap)
                    tracked.add(d["name"])
            yield Reading(plan, tracked)
        except BaseException:
            self._drop(tracked, plan.bitmap)
            raise

    def _drop(self, names, bitmap):
        for d in self.disks:
            if d["name"] in names and not image.remove_bitmap(d["path"], bitmap):
                # The next successful dump removes it.
                print(f"bitmap {bitmap} stays in {d['path']}", file=sys.stderr)

    def keep_bitmaps(self, names):
        for d in self.disks:
            if d["format"] != "qcow2" or image.is_device(d["path"]):
                continue
            for bitmap in image.bitmaps_of(image.info(d["path"], "qcow2")):
                if bitmap not in names:
                    self._drop({d["name"]}, bitmap)


class Images:
    """Image files in a directory."""

    @staticmethod
    def list(args):
        if not args.directory:
            raise Failure("usage", "directory: where the images are")
        return [entry(name, "unknown", disks) for name, disks in Images.found(args.directory).items()]

    @staticmethod
    def found(directory):
        """A file is a machine of one disk, a directory with images one of several."""
        machines = {}
        try:
            entries = sorted(os.scandir(directory), key=lambda e: e.name)
        except OSError as e:
            raise Failure("source-unreachable", f"{directory}: {e.strerror}", path=directory) from None
        for e in entries:
            if e.name.startswith("."):
                continue
            stem, suffix = os.path.splitext(e.name)
            if e.is_file() and suffix in image.IMAGE_SUFFIXES:
                machines.setdefault(stem, []).append({"name": stem, "path": e.path})
            elif e.is_dir():
                with contextlib.suppress(OSError):
                    inside = [f for f in sorted(os.listdir(e.path)) if os.path.splitext(f)[1] in image.IMAGE_SUFFIXES]
                    for f in inside:
                        machines.setdefault(e.name, []).append({"name": os.path.splitext(f)[0], "path": os.path.join(e.path, f)})
        return machines

    class Machine(Offline):
        def __init__(self, args):
            super().__init__(args, given_disks(args) or Images.found(args.directory or "").get(args.machine) or _unknown(args))


class Devices:
    """Block devices: logical volumes, zvols, partitions. Level 0 only."""

    @staticmethod
    def list(args):
        return [entry(os.path.basename(path), "unknown", [{"name": os.path.basename(path), "path": path, "format": "raw"}])
                for path in args.devices]

    class Machine(Offline):
        def __init__(self, args):
            disks = given_disks(args) or [{"name": os.path.basename(p), "path": p} for p in args.devices
                                          if os.path.basename(p) == args.machine]
            super().__init__(args, [dict(d, format="raw") for d in disks or _unknown(args)])

        @contextlib.contextmanager
        def reading(self, plan):
            with super().reading(plan) as reading:
                reading.quiesced = "none" if any(_in_use(d["path"]) for d in self.disks) else "offline"
                yield reading


def _in_use(path):
    """Whether a device is mounted or otherwise claimed at this moment."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
        return False
    except OSError:
        return True


def given_disks(args):
    for d in args.disks or []:
        if not isinstance(d, dict) or not d.get("name") or not d.get("path"):
            raise Failure("usage", 'disks: a list of {"name": ..., "path": ..., "format": ...}')
    return args.disks


def _unknown(args):
    raise Failure("not-found", f"there is no machine {args.machine}")
