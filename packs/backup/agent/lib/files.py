"""Files out of a copy, from an ext2/3/4 file system, without mounting it.

The disk is laid out in scratch space: debugfs reads files only, and mounting a guest's
file system would trust it with this host's kernel.
"""

import contextlib
import json
import os
import re
import stat

import blocks as blocklist
import chain
from failure import Failure
import restore
import target as targets
import tools
import work


def files(args):
    """Lists a directory of a copy, or takes files out of it."""
    tools.need("debugfs")
    with targets.Target(args.root, args.target) as target, contextlib.ExitStack() as closing:
        copy = target.find(args.source, args.stamp, ["committed", "bad"])
        found = chain.members(copy, closing)
        names = [d["name"] for d in found[-1][1]["disks"]]
        disk = chain.disk_of(found[-1][1], args.disk or names[0])
        base = closing.enter_context(work.directory(args.scratch))
        targets.require_space(base, disk["data_blocks"] * blocklist.BLOCK + chain.scratch_needed(found, [disk["name"]]))
        disk_file = os.path.join(base, "disk.raw")
        restore.restore_disk(found, disk, disk_file, "raw", args)
        parts = _partitions(disk_file)
        chosen = _choose(parts, args.partition)
        device = f"{disk_file}?offset={chosen}" if chosen else disk_file
        if not args.to:
            return {"partitions": parts, "entries": _entries(device, args.path)}
        return _take(device, args.path, args.to)


def _partitions(path):
    said = tools.run("sfdisk", "--json", path, check=False)
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
