"""Bringing copies back."""

import contextlib
import os
import stat
import time

import blocks as blocklist
import chain
from failure import Failure
import image
import life
import qcow2
import raw
import streams
import target as targets
import tools
import transfer


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
                entry["ok"] = restore_disk(found, disk, to, entry["format"], args)
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


def restore_disk(found, disk, to, fmt, args):
    """Writes one disk of a chain, and says whether its digest is right. A file gets its
    name only then, unless damage is accepted."""
    device = image.is_device(to)
    path = to if device else to + ".partial"
    size = disk["size"]
    try:
        if not device:
            _fresh(path, fmt, size)
        with chain.opened(found, disk["name"], args.scratch) as source:
            blocks = blocklist.Blocks(source.size())
            with qcow2.Writer(path, size) if fmt == "qcow2" else raw.Writer(path, device) as sink:
                moved = transfer.Transfer(source, blocks, sink, life.Limiter(args.rate_limit),
                                          life.Progress(f"restore {disk['name']}", size))
                moved.all(clear=device)
        right = blocks.digest() == disk["digest"]
        if not right and not getattr(args, "accept_damage", False):
            raise Failure("corrupt", f"disk {disk['name']}: what the copy yields is not what was read from the source",
                          disks=[{"name": disk["name"], "ok": False, "digest": blocks.digest(), "expected": disk["digest"]}])
        targets.sync_file(path)
        if not device:
            with life.shield():
                os.rename(path, to)
                targets.sync_directory(os.path.dirname(to))
        return right
    except OSError as e:
        raise targets.of_os(e, path) from None
    finally:
        if not device:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _fresh(path, fmt, size):
    """Makes way for a file, and a raw one itself: it is as long as the disk, and empty."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    if fmt == "raw":
        with open(path, "xb") as f:
            f.truncate(size)


def _definition(copy, manifest, args):
    """Puts the machine's definition beside its disks."""
    for name in manifest["files"]:
        to = os.path.join(args.to, name[:-4] if name.endswith(".age") else name)
        if os.path.exists(to) and not args.overwrite:
            continue
        targets.write_file(to, streams.unpack(copy.file(name), (manifest["encryption"] or {}).get("recipients")))
