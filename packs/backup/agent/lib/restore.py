"""Bringing copies back: whole disks, or files out of them."""

import contextlib
import json
import os
import re
import stat
import time

import blocks as blocklist
import chain
from failure import Failure
import image
import life
import nbdio
import streams
import target as targets
import tools
import work


def restore(args):
    with targets.Target(args.root, args.target) as target, contextlib.ExitStack() as closing:
        copy = target.find(args.source, args.stamp, ["committed", "bad"])
        found = chain.members(copy, closing)
        manifest = found[-1][1]
        disks = [chain.disk_of(manifest, args.disk)] if args.disk else manifest["disks"]
        plans = _destinations(disks, args)
        result = {"dry_run": args.dry_run, "source": copy.source, "stamp": copy.stamp, "chain": [c.stamp for c, _ in found],
                  "seconds": 0, **_room(found, plans, args), "disks": []}
        for c, m in found:
            for d in disks:
                chain.file_of(c, chain.disk_of(m, d["name"]))
        if chain.encrypted(found):
            _try_keys(found, disks)
        begun = time.monotonic()
        for disk, to in plans:
            entry = {"name": disk["name"], "to": to, "format": "raw" if image.is_device(to) else args.format,
                     "size": disk["size"], "digest": disk["digest"], "ok": None}
            if not args.dry_run:
                _restore_disk(found, disk, to, entry["format"], args)
                entry["ok"] = True
            result["disks"].append(entry)
        if not args.dry_run and os.path.isdir(args.to):
            _definition(copy, manifest, args)
        result["seconds"] = round(time.monotonic() - begun, 3)
        return result


def _destinations(disks, args):
    """What is written where; refuses what would overwrite."""
    to = os.path.abspath(args.to)
    if os.path.isdir(to):
        plans = [(d, os.path.join(to, f"{d['name']}.{args.format}")) for d in disks]
    elif len(disks) == 1:
        plans = [(disks[0], to)]
    else:
        raise Failure("usage", f"to: {to} must be a directory for {len(disks)} disks, or disk= names one")
    for disk, path in plans:
        if not os.path.isdir(os.path.dirname(path)):
            raise Failure("not-found", f"there is no directory {os.path.dirname(path)}", path=path)
        if not os.path.lexists(path):
            continue
        if not args.overwrite:
            raise Failure("exists", f"{path} is there already", path=path)
        if image.is_device(path):
            if image.device_size(path) < disk["size"]:
                raise Failure("no-space", f"{path} is smaller than the disk", path=path,
                              free=image.device_size(path), needed=disk["size"])
            try:
                os.close(os.open(path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC))
            except OSError as e:
                raise Failure("in-use", f"{path}: {e.strerror}", path=path) from None
        elif stat.S_ISREG(os.stat(path).st_mode):
            known = tools.run("qemu-img", "info", "-f", args.format, path, check=False)
            if "lock" in known.stderr:
                raise Failure("in-use", f"{path} is open elsewhere, by a running machine most likely", path=path)
        else:
            raise Failure("usage", f"{path} is neither a file nor a block device")
    return plans


def _room(found, plans, args):
    """Free and needed bytes where the disks go, and room for the work files."""
    needed = sum(d["data_blocks"] * blocklist.BLOCK for d, to in plans if not image.is_device(to))
    where = os.path.dirname(plans[0][1])
    scratch = max(chain.scratch_needed(found, [d["name"]]) for d, _ in plans)
    if scratch:
        same = os.stat(where).st_dev == os.stat(args.scratch).st_dev
        targets.require_space(args.scratch, scratch + (needed if same else 0))
    return {"free": targets.require_space(where, needed), "needed": needed}


def _try_keys(found, disks):
    for copy, manifest in found:
        if manifest["encryption"]:
            streams.unpack(copy.file(chain.disk_of(manifest, disks[0]["name"])["blocks"]), manifest["encryption"]["recipients"])


def _restore_disk(found, disk, to, fmt, args):
    """Writes one disk. A file has its name only when the digest is right."""
    device = image.is_device(to)
    path = to if device else to + ".partial"
    size = disk["size"]
    try:
        if not device:
            _fresh(path, fmt, size)
        with chain.opened(found, disk["name"], args.scratch) as source:
            blocks = blocklist.Blocks(source.size())
            with nbdio.Server(path, image.node(path, fmt), write=True) as sink:
                transfer = nbdio.Transfer(source, blocks, sink, life.Limiter(args.rate_limit),
                                          life.Progress(f"restore {disk['name']}", size))
                transfer.all(clear=device)
        if blocks.digest() != disk["digest"]:
            raise Failure("corrupt", f"disk {disk['name']}: what the copy yields is not what was read from the source",
                          disks=[{"name": disk["name"], "ok": False, "digest": blocks.digest(), "expected": disk["digest"]}])
        targets.sync_file(path)
        if not device:
            with life.shield():
                os.rename(path, to)
                targets.sync_directory(os.path.dirname(to))
    except OSError as e:
        raise targets.of_os(e, path) from None
    finally:
        if not device:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _fresh(path, fmt, size):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    if fmt == "qcow2":
        image.create(path, size)
    with open(path, "ab") as f:
        os.fchmod(f.fileno(), 0o600)
        if fmt == "raw":
            f.truncate(size)


def _definition(copy, manifest, args):
    """Puts the machine's definition beside its disks."""
    for name in manifest["files"]:
        to = os.path.join(args.to, name[:-4] if name.endswith(".age") else name)
        if os.path.exists(to) and not args.overwrite:
            continue
        targets.write_file(to, streams.unpack(copy.file(name), (manifest["encryption"] or {}).get("recipients")))


def files(args):
    """Looks into an ext2/3/4 file system of a copy, or takes files out of it. The disk
    is laid out in scratch space: debugfs reads files only, and mounting a guest's file
    system would trust it with this host's kernel."""
    tools.need("debugfs")
    with targets.Target(args.root, args.target) as target, contextlib.ExitStack() as closing:
        copy = target.find(args.source, args.stamp, ["committed", "bad"])
        found = chain.members(copy, closing)
        names = [d["name"] for d in found[-1][1]["disks"]]
        disk = chain.disk_of(found[-1][1], args.disk or names[0])
        base = closing.enter_context(work.directory(args.scratch))
        targets.require_space(base, disk["data_blocks"] * blocklist.BLOCK + chain.scratch_needed(found, [disk["name"]]))
        raw = os.path.join(base, "disk.raw")
        _restore_disk(found, disk, raw, "raw", args)
        parts = _partitions(raw)
        chosen = _choose(parts, args.partition)
        device = f"{raw}?offset={chosen}" if chosen else raw
        if not args.to:
            return {"partitions": parts, "entries": _entries(device, args.path)}
        return _take(device, args.path, args.to)


def _partitions(raw):
    said = tools.run("sfdisk", "--json", raw, check=False)
    if said.returncode != 0:
        return []
    table = json.loads(said.stdout)["partitiontable"]
    unit = table.get("sectorsize", 512)
    return [{"number": int(re.search(r"(\d+)$", p["node"])[1]), "start": p["start"] * unit, "size": p["size"] * unit, "type": p["type"]}
            for p in table.get("partitions", [])]


def _choose(parts, number):
    """The offset of the file system."""
    if number is None:
        return 0 if not parts else max(parts, key=lambda p: p["size"])["start"]
    for p in parts:
        if p["number"] == number:
            return p["start"]
    raise Failure("not-found", f"there is no partition {number}")


def _debugfs(device, request, *words):
    for word in words:
        if '"' in word or "\n" in word:
            raise Failure("usage", f"debugfs cannot be asked for the name {word!r}")
    line = " ".join([request, *(f'"{w}"' for w in words)])
    done = tools.run("debugfs", "-R", line, device, check=False)
    said = "\n".join(l for l in done.stderr.splitlines() if not l.startswith("debugfs "))
    if "Bad magic number" in said or "Filesystem not open" in said:
        raise Failure("failed", "there is no ext2/3/4 file system there: restore the disk and mount it, or name another partition")
    if "File not found" in said:
        raise Failure("not-found", f"{words[0]} is not in the copy")
    if said.strip() or done.returncode != 0:
        raise Failure("failed", f"debugfs: {tools.last_words(said)}")
    return done.stdout


_TYPES = {0o04: "directory", 0o10: "file", 0o12: "link", 0o06: "device", 0o02: "device", 0o01: "pipe", 0o14: "socket"}


def _entries(device, path):
    found = []
    for line in _debugfs(device, "ls -p", path).splitlines():
        words = line.split("/")
        if len(words) < 7 or words[5] in ("", ".", ".."):
            continue
        mode = int(words[2], 8)
        found.append({"name": words[5], "type": _TYPES.get(mode >> 12, "unknown"), "size": int(words[6] or 0), "mode": "%04o" % (mode & 0o7777)})
    return found


def _take(device, path, to):
    path = "/" + path.strip("/")
    if path != "/":
        parent, name = os.path.split(path)
        entry = next((e for e in _entries(device, parent) if e["name"] == name), None)
        if entry is None:
            raise Failure("not-found", f"{path} is not in the copy")
        if entry["type"] == "file":
            into = os.path.join(to, name) if os.path.isdir(to) else to
            if os.path.lexists(into):
                raise Failure("exists", f"{into} is there already", path=into)
            _debugfs(device, "dump -p", path, into)
            return {"to": into, "files": 1, "bytes": os.path.getsize(into)}
    if not os.path.isdir(to):
        raise Failure("not-found", f"{to} must be a directory", path=to)
    name = os.path.basename(path)
    if name and os.path.lexists(os.path.join(to, name)):
        raise Failure("exists", f"{os.path.join(to, name)} is there already", path=os.path.join(to, name))
    _debugfs(device, "rdump", path, to)
    count = size = 0
    for where, _, names in os.walk(os.path.join(to, name)):
        for n in names:
            s = os.lstat(os.path.join(where, n))
            if stat.S_ISREG(s.st_mode):
                count, size = count + 1, size + s.st_size
    return {"to": os.path.join(to, name), "files": count, "bytes": size}
