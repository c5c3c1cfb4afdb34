"""What happens to copies besides being made and read: prepared, compressed,
committed, listed, quarantined, held, removed, reaped."""

import contextlib
import os
import shutil
import tempfile
import time

from failure import Failure
import life
import packing
import streams
import target as targets
import verify
import work

HOLD = "hold.json"


def prepare(args):
    needed = args.estimate * 12 // 10
    with targets.Target(args.root, args.target) as target:
        own = os.path.join(target.root, args.source)
        made = not os.path.isdir(own)
        with contextlib.suppress(FileExistsError):
            os.mkdir(own, 0o700)
        with target.lock(args.source):
            _reap_source(target, args.source, lambda copy: True, [], [])
            try:
                free = targets.require_space(target.root, needed)
            except Failure:
                if made:
                    _drop_empty(own)
                raise
            for state in ("committed", "bad"):
                if os.path.isdir(target.copy(args.source, args.stamp, state).path):
                    raise Failure("exists", f"{args.source}/{args.stamp} is there already ({state})",
                                  path=target.copy(args.source, args.stamp, state).path)
            copy = target.copy(args.source, args.stamp, "partial")
            if os.path.isdir(copy.path):
                raise Failure("busy", f"{copy}: another call works on it", path=copy.path)
            try:
                os.mkdir(copy.path, 0o700)
                targets.write_json(copy.file("run.json"), {"run": args.run, "host": os.uname().nodename, "at": targets.now()})
                targets.sync_directory(own)
            except OSError as e:
                raise targets.of_os(e, copy.path) from None
        return {"path": copy.path, "free": free, "needed": needed}


def compress(args):
    with targets.Target(args.root, args.target) as target, target.lock(args.source, args.stamp):
        copy = target.find(args.source, args.stamp, ["partial"])
        manifest = copy.manifest()
        begun = time.monotonic()
        result = {"before": 0, "after": 0, "ratio": None, "seconds": 0, "skipped": None, "warnings": [], "disks": []}
        plain = [d for d in manifest["disks"] if d["file"].endswith(".qcow2")]
        if manifest["encryption"]:
            result["skipped"] = "encrypted"
        elif not plain:
            result["skipped"] = "compressed"
        for disk in plain:
            _compress_disk(copy, manifest, disk, args, result)
        result["ratio"] = round(result["before"] / result["after"], 3) if result["after"] else None
        result["seconds"] = round(time.monotonic() - begun, 3)
        return result


def _compress_disk(copy, manifest, disk, args, result):
    path, packed = copy.file(disk["file"]), copy.file(disk["file"] + ".zst")
    before = os.path.getsize(path)
    try:
        checksum = packing.packed(path, streams.zstd(args.level, args.threads, args.long), packed)
    except Failure as e:
        if e.kind == "missing-tool":
            raise
        result["warnings"].append(f"{disk['file']} stays uncompressed: {e}")
        result["disks"].append({"name": disk["name"], "file": disk["file"], "before": before, "after": before})
        result["before"] += before
        result["after"] += before
        return
    # First the manifest says where the disk is now, then the old file goes: a crash
    # between leaves both, never none.
    after = os.path.getsize(packed)
    disk.update(file=disk["file"] + ".zst", file_size=after, file_sha256=checksum, plain_size=before)
    manifest["compression"] = {"algorithm": "zstd", "level": args.level}
    with life.shield():
        targets.write_json(copy.file("manifest.json"), manifest)
        os.unlink(path)
    result["before"] += before
    result["after"] += after
    result["disks"].append({"name": disk["name"], "file": disk["file"], "before": before, "after": after})


def commit(args):
    with targets.Target(args.root, args.target) as target, target.lock(args.source, args.stamp):
        done = target.copy(args.source, args.stamp)
        if os.path.isdir(done.path):
            return _committed(done)
        copy = target.find(args.source, args.stamp, ["partial"])
        manifest = copy.manifest()
        if args.verified == "require" and not (copy.note(verify.NOTE) or {}).get("ok"):
            raise Failure("failed", f"{copy} has no good verification", verified=copy.note(verify.NOTE))
        if manifest["base"] and not os.path.isdir(target.copy(args.source, manifest["base"]).path):
            raise Failure("base-missing", f"{copy} builds on {manifest['base']}, which is gone", reason="its base is gone")
        wanted = {"manifest.json", "run.json", verify.NOTE, *manifest["files"]}
        for disk in manifest["disks"]:
            path = copy.file(disk["file"])
            if not os.path.isfile(path):
                raise Failure("corrupt", f"{copy}: {disk['file']} is missing")
            if not disk["file_sha256"]:
                disk["file_sha256"] = targets.sha256_file(path)
            disk["file_size"] = os.path.getsize(path)
            wanted |= {disk["file"], disk["blocks"]}
        with life.shield():
            for name in set(os.listdir(copy.path)) - wanted:
                os.unlink(os.path.join(copy.path, name))  # what an interrupted step left
            targets.write_json(copy.file("manifest.json"), manifest)
            for name in os.listdir(copy.path):
                targets.sync_file(os.path.join(copy.path, name))
            targets.sync_directory(copy.path)
            return _committed(copy.rename("committed"))


def _committed(copy):
    return {"path": copy.path, "stored": copy.stored(), "manifest": copy.manifest()}


def scan(args):
    with targets.Target(args.root, args.target) as target:
        copies = []
        for source in [args.source] if args.source else target.sources():
            copies += [_scanned(copy, args.brief) for copy in target.copies(source)]
        v = os.statvfs(target.root)
        return {"target": target.ident, "free": target.free(), "size": v.f_blocks * v.f_frsize, "copies": copies}


def _scanned(copy, brief):
    manifest, problem = None, None
    try:
        manifest = copy.manifest()
    except Failure as e:
        if copy.state != "partial":
            problem = str(e)
    bad = copy.note("bad.json")
    run = (manifest or copy.note("run.json") or {}).get("run")
    shown = {"source": copy.source, "stamp": copy.stamp, "state": copy.state, "stored": copy.stored(),
             "held": copy.note(HOLD) is not None, "verified": copy.note(verify.NOTE), "run": run,
             "problem": problem or (bad or {}).get("reason")}
    if not brief:
        shown["manifest"] = manifest
    return shown


def dependants(target, source, stamp):
    """The stamps of the copies that need this one, itself not among them."""
    bases = {}
    for copy in target.copies(source):
        with contextlib.suppress(Failure):
            bases.setdefault(copy.stamp, copy.manifest()["base"])
    found, again = {stamp}, True
    while again:
        more = {s for s, base in bases.items() if base in found} - found
        found |= more
        again = bool(more)
    return sorted(found - {stamp})


def quarantine(args):
    with targets.Target(args.root, args.target) as target, target.lock(args.source):
        copy = target.find(args.source, args.stamp)
        others = dependants(target, args.source, args.stamp)
        done = _quarantine(copy, args.reason)
        if not args.alone:
            for stamp in others:
                _quarantine(target.find(args.source, stamp), f"its base {args.stamp}: {args.reason}")
        return {"path": done.path, "dependants": others}


def _quarantine(copy, reason):
    if copy.state == "bad":
        return copy
    with copy.target.lock(copy.source, copy.stamp):
        targets.write_json(copy.file("bad.json"), {"at": targets.now(), "reason": reason})
        return copy.rename("bad")


def hold(args):
    with targets.Target(args.root, args.target) as target, target.lock(args.source, args.stamp):
        copy = target.find(args.source, args.stamp)
        if args.release:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(copy.file(HOLD))
        else:
            targets.write_json(copy.file(HOLD), {"at": targets.now(), "reason": args.reason})
        return {"held": not args.release}


def remove(args):
    with targets.Target(args.root, args.target) as target, target.lock(args.source), contextlib.ExitStack() as locks:
        going = [c for c in target.copies(args.source) if c.stamp in args.stamps and c.state != "partial"]
        absent = sorted(set(args.stamps) - {c.stamp for c in going})
        if absent and not target.half_removed(args.source):
            raise Failure("not-found", f"there is no copy {args.source}/{absent[0]} on target {target.ident}")
        for copy in going:
            needing = sorted(set(dependants(target, args.source, copy.stamp)) - set(args.stamps))
            if needing:
                raise Failure("needed", f"{copy} is the base of {', '.join(needing)}", dependants=needing)
            if copy.note(HOLD) is not None:
                raise Failure("needed", f"{copy} is held: {copy.note(HOLD).get('reason')}", held=copy.stamp)
        for stamp in sorted({c.stamp for c in going}):
            locks.enter_context(target.lock(args.source, stamp, wait=False))
        freed, removed = 0, []
        for copy in sorted(going, key=lambda c: c.stamp, reverse=True):  # what builds on others first
            freed += copy.stored()
            copy.delete()
            target.forget_lock(copy.source, copy.stamp)
            removed.append(copy.stamp)
        for path in target.half_removed(args.source):
            shutil.rmtree(path, ignore_errors=True)
        return {"removed": sorted(removed), "freed": freed}


def reap(args):
    removed, kept = [], []
    with targets.Target(args.root, args.target) as target:
        limit = time.time() - args.older_than if args.older_than is not None else None

        def due(copy):
            run = (copy.note("run.json") or {}).get("run")
            if args.run and run != args.run:
                return False
            return limit is None or os.stat(copy.path).st_mtime < limit

        for source in [args.source] if args.source else target.sources():
            _reap_source(target, source, due, removed, kept)
    import virsh  # here, for no other command needs it
    thawed = []

    def undo(note):
        virsh.thaw(note["uri"], note["frozen"])
        thawed.append(note["frozen"])

    for base in {args.holding, tempfile.gettempdir()}:
        removed += work.sweep(base, undo)
    points = virsh.reap(args) if args.provider == "libvirt" else []
    return {"removed": removed, "kept": kept, "thawed": thawed, "checkpoints": points}


def _reap_source(target, source, due, removed, kept):
    """Removes the partials of a source that are due and on which nobody works."""
    for copy in target.copies(source):
        if copy.state != "partial" or not due(copy):
            continue
        try:
            with target.lock(source, copy.stamp, wait=False):
                copy.delete()
                target.forget_lock(source, copy.stamp)
                removed.append(str(copy))
        except Failure as e:
            if e.kind != "busy":
                raise
            kept.append({"path": str(copy), "because": "a call works on it"})
    for path in target.half_removed(source):
        shutil.rmtree(path, ignore_errors=True)
        removed.append(os.path.relpath(path, target.root))
    _forget_locks(target, source)


def _forget_locks(target, source):
    """Removes the lock files of copies that are gone."""
    own = os.path.join(target.root, source)
    there = {c.stamp for c in target.copies(source)}
    for name in os.listdir(own) if os.path.isdir(own) else []:
        stamp = name[1:-5]
        if name.startswith(".2") and name.endswith(".lock") and stamp not in there:
            with contextlib.suppress(Failure):
                with target.lock(source, stamp, wait=False):
                    target.forget_lock(source, stamp)


def _drop_empty(own):
    for name in os.listdir(own):
        if name.endswith(".lock"):
            os.unlink(os.path.join(own, name))
    with contextlib.suppress(OSError):
        os.rmdir(own)
