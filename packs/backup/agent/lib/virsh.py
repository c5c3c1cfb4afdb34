"""Machines of libvirt. One that is off is read from its image files; one that runs
is exported by its own qemu (backup-begin, pull mode): a point in time, and with a
checkpoint the record of what changes after it.
"""

import contextlib
import os
import re
import xml.etree.ElementTree as xml

from failure import Failure
import image
import life
import machines
import nbdio
import target as targets
import tools
import work

_FREEZE = 60  # seconds a guest is frozen at most
_OFF = ("shut off", "crashed")


def _virsh(uri, *words, kind="failed", check=True):
    done = tools.run("virsh", "-q", "-c", uri, *words, check=False)
    if done.returncode != 0 and check:
        said = re.sub(r"^error: ", "", tools.last_words(done.stderr))
        if "failed to connect" in done.stderr:
            raise Failure("source-unreachable", f"libvirt at {uri}: {said}")
        if "failed to get domain" in done.stderr:
            raise Failure("not-found", f"libvirt at {uri}: {said}")
        raise Failure(kind, f"virsh {words[0]}: {said}")
    return done


def _disks(definition):
    """What is backed up of a domain: disks in files and on devices that are not read-only."""
    found = []
    for disk in xml.fromstring(definition).iterfind("./devices/disk"):
        if disk.get("device", "disk") != "disk" or disk.find("readonly") is not None:
            continue
        source = disk.find("source")
        path = source.get("file") or source.get("dev") if source is not None else None
        driver = disk.find("driver")
        entry = {"name": disk.find("target").get("dev"), "path": path, "format": driver.get("type") if driver is not None else None}
        if path is None:
            entry["problem"] = f"disk {entry['name']} is of type {disk.get('type')}, which is not backed up"
        found.append(entry)
    return found


class Libvirt:
    @staticmethod
    def list(args):
        found = []
        for name in _virsh(args.uri, "list", "--all", "--name", kind="source-unreachable").stdout.splitlines():
            if not name.strip():
                continue
            try:
                found.append(Libvirt._entry(args.uri, name.strip()))
            except Failure as e:
                found.append(dict(machines.entry(name.strip(), "unknown", []), problem=str(e)))
        return found

    @staticmethod
    def _entry(uri, name):
        definition = _virsh(uri, "dumpxml", name).stdout
        disks = _disks(definition)
        state = "off" if _virsh(uri, "domstate", name).stdout.strip() in _OFF else "running"
        shown = machines.entry(name, state, [d for d in disks if d["path"]], xml.fromstring(definition).findtext("uuid"))
        problems = [d["problem"] for d in disks if "problem" in d]
        if problems:
            shown["problem"] = "; ".join(problems)
        if state == "running":
            points = _checkpoints(uri, name)
            for d in shown["disks"]:
                d["bitmaps"] = points if d["format"] == "qcow2" else []
        return shown

    @staticmethod
    def Machine(args):
        definition = _virsh(args.uri, "dumpxml", args.machine).stdout
        disks = _disks(definition)
        for d in disks:
            if "problem" in d:
                raise Failure("failed", f"{args.machine}: {d['problem']}")
        # What is kept is what the machine is made from again, not how it runs now.
        kept = ("domain.xml", _virsh(args.uri, "dumpxml", "--inactive", args.machine).stdout)
        if _virsh(args.uri, "domstate", args.machine).stdout.strip() in _OFF:
            return machines.Offline(args, disks, kept)
        return Running(args, disks, kept, definition)


def _checkpoints(uri, name):
    done = _virsh(uri, "checkpoint-list", name, "--name", check=False)  # a driver may not know them
    return sorted(c for c in done.stdout.split() if c.startswith(image.BITMAP))


class Running(machines.Offline):
    """A domain that runs."""

    def __init__(self, args, disks, kept, live):
        super().__init__(args, disks, kept)
        self.live = live

    def check_incremental(self, plan, bases):
        if any(d["format"] != "qcow2" for d in self.disks):
            return plan.full("a disk that is not qcow2 keeps no record of its changes")
        if image.BITMAP + plan.base not in _checkpoints(self.args.uri, self.args.machine):
            return plan.full(f"the domain has no checkpoint {image.BITMAP + plan.base}")
        for d in self.disks:
            if image.info(d["path"], d["format"])["virtual-size"] != bases[d["name"]].size:
                return plan.full(f"the size of disk {d['name']} has changed")
        return None

    @contextlib.contextmanager
    def reading(self, plan):
        uri, name = self.args.uri, self.args.machine
        with work.directory(self.args.holding, self.args.run) as base:
            socket = self._prepare(base)
            tracked = {d["name"] for d in self.disks if d["format"] == "qcow2"}
            point = plan.bitmap if tracked else None
            try:
                quiesced = self._begin(plan, base, socket, point, tracked)
                yield Export(plan, tracked, quiesced, socket)
            except BaseException:
                with life.shield():
                    self._end()
                    if point:
                        _virsh(uri, "checkpoint-delete", name, point, check=False)
                raise
            self._end()

    def _end(self):
        _virsh(self.args.uri, "domjobabort", self.args.machine, check=False)

    def _prepare(self, base):
        """A place where qemu, which is another user, makes its socket and its scratch files."""
        own = os.path.join(base, "q")
        os.mkdir(own, 0o700)
        os.chmod(base, 0o711)
        uid = _uid_of(_virsh(self.args.uri, "domuuid", self.args.machine).stdout.strip())
        if uid is not None and os.geteuid() == 0:
            os.chown(own, uid, -1)
        return os.path.join(own, "nbd")

    def _begin(self, plan, base, socket, point, tracked):
        uri, name = self.args.uri, self.args.machine
        wanted = {d["name"] for d in self.disks}
        others = [d.find("target").get("dev") for d in xml.fromstring(self.live).iterfind("./devices/disk")]
        root = xml.Element("domainbackup", mode="pull")
        if plan.level:
            xml.SubElement(root, "incremental").text = image.BITMAP + plan.base
        xml.SubElement(root, "server", transport="unix", socket=socket)
        disks = xml.SubElement(root, "disks")
        checkpoint = xml.Element("domaincheckpoint")
        xml.SubElement(checkpoint, "name").text = point
        points = xml.SubElement(checkpoint, "disks")
        for dev in others:
            disk = xml.SubElement(disks, "disk", name=dev, backup="yes" if dev in wanted else "no")
            if dev in wanted:
                disk.set("type", "file")
                xml.SubElement(disk, "scratch", file=os.path.join(os.path.dirname(socket), dev + ".scratch"))
            xml.SubElement(points, "disk", name=dev, checkpoint="bitmap" if dev in tracked else "no")
        files = [os.path.join(base, "backup.xml")]
        xml.ElementTree(root).write(files[0])
        if point:
            files.append(os.path.join(base, "checkpoint.xml"))
            xml.ElementTree(checkpoint).write(files[1])
        if plan.args.quiesce == "none":
            _virsh(uri, "backup-begin", name, *files)
            return "crash"
        # For the case that not even the process that thaws survives: reap reads it.
        note = os.path.join(base, work.NOTE)
        targets.write_json(note, {"uri": uri, "frozen": name})
        with life.surely(lambda: (thaw(uri, name), os.unlink(note)), _FREEZE) as frozen:
            done = _virsh(uri, "domfsfreeze", name, check=False)
            if done.returncode != 0 and plan.args.quiesce == "agent":
                raise Failure("failed", f"{name} cannot be frozen: {tools.last_words(done.stderr)}")
            _virsh(uri, "backup-begin", name, *files)
            return "agent" if done.returncode == 0 and frozen() else "crash"

    def keep_bitmaps(self, names):
        for point in _checkpoints(self.args.uri, self.args.machine):
            if point not in names:
                _virsh(self.args.uri, "checkpoint-delete", self.args.machine, point, check=False)


class Export(machines.Reading):
    def __init__(self, plan, tracked, quiesced, socket):
        super().__init__(plan, tracked, quiesced)
        self.socket = socket

    @contextlib.contextmanager
    def open(self, disk):
        bitmap = f"qemu:dirty-bitmap:backup-{disk['name']}" if self.plan.level else None
        yield nbdio.Disk(disk["path"], self.socket, disk["name"], bitmap)


def thaw(uri, name):
    _virsh(uri, "domfsthaw", name, check=False)  # one that is not frozen refuses


def _uid_of(uuid):
    """The user a domain's qemu runs as, by the domain's id in its command line."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if uuid and b"-uuid\0" + uuid.encode() + b"\0" in f.read():
                    return os.stat(f"/proc/{pid}").st_uid
    return None


def reap(args):
    """Ends what killed calls left with libvirt: a backup job, checkpoints that no copy
    builds on. Returns the checkpoints."""
    dropped = []
    names = [args.machine] if args.machine else _virsh(args.uri, "list", "--name").stdout.split()
    for name in names:
        job = _virsh(args.uri, "backup-dumpxml", name, check=False).stdout
        scratch = re.search(r"scratch file='([^']*/squall-backup-[^/']*)/", job)
        if scratch and os.path.isdir(scratch[1]):
            continue  # sweeping has left it: its call lives
        if scratch:
            _virsh(args.uri, "domjobabort", name, check=False)
        if args.source and args.machine:
            dropped += _drop_checkpoints(args, name)
    return dropped


def _drop_checkpoints(args, name):
    dropped = []
    with targets.Target(args.root, args.target) as target:
        stamps = {c.stamp for c in target.copies(args.source)}
    for point in _checkpoints(args.uri, name):
        if point[len(image.BITMAP):] not in stamps and \
                _virsh(args.uri, "checkpoint-delete", name, point, check=False).returncode == 0:
            dropped.append(point)
    return dropped
