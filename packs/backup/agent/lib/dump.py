"""Making a copy: the disks of one machine, whole or what has changed.

The order is what makes a copy true: the new bitmap is there before the first byte is
read, so a change that comes later is in the next copy, perhaps in both; old bitmaps
go only when the new copy's disks are written.
"""

import contextlib
import hashlib
import os
import shutil
import socket
import time

import blocks as blocklist
from failure import Canceled, Failure
import image
import life
import machines
import qcow2
import streams
import target as targets
import tools
import transfer
import work

class Plan:
    """What one dump does: the arguments, and the level as it turned out."""

    def __init__(self, copy, args):
        self.copy, self.args = copy, args
        self.level, self.base = args.level, args.base
        self.full_because = None
        self.limiter = life.Limiter(args.rate_limit)
        self.recipients = args.recipients
        self.bitmap = image.BITMAP + copy.stamp

    def full(self, because):
        if self.args.on_base_missing == "fail":
            raise Failure("base-missing", f"no level {self.level} of {self.copy.source}: {because}", reason=because)
        self.level, self.base, self.full_because = 0, None, because


def dump(args):
    life.not_missed(args.not_after)
    if args.level > 0 and not args.base:
        raise Failure("usage", "base: a copy of level 1 or more needs the stamp of its base")
    with targets.Target(args.root, args.target) as target, contextlib.ExitStack() as locks:
        locks.enter_context(target.lock(args.source))
        locks.enter_context(target.lock(args.source, args.stamp))
        copy = target.copy(args.source, args.stamp, "partial")
        if not os.path.isdir(copy.path):
            raise Failure("not-found", f"{copy} is not there: prepare makes it")
        life.not_missed(args.not_after)  # waiting for the locks may have taken long
        targets.require_space(copy.path, args.estimate * 12 // 10)
        try:
            return _dump(Plan(copy, args), locks)
        except (Exception, Canceled):
            # A partial that cannot become a copy only takes room from the others.
            with life.shield():
                shutil.rmtree(copy.path, ignore_errors=True)
            raise


def _dump(plan, locks):
    args, copy = plan.args, plan.copy
    started, begun = targets.now(), time.monotonic()
    tools.need("zstd")
    if plan.recipients:
        tools.need("age")
    machine = machines.open_machine(args)
    bases = _bases(plan, machine, locks)
    if plan.level > 0:
        machine.check_incremental(plan, bases)
    if plan.level == 0:
        bases = {}
    with machine.reading(plan) as source:
        versions = tools.ask_versions("qemu-img", "zstd", *(["age"] if plan.recipients else []))
        disks = [_disk(plan, source, d, bases.get(d["name"])) for d in machine.disks]
        quiesced = source.quiesced
    files = _definition(plan, *machine.definition()) if machine.definition() else {}
    seconds = time.monotonic() - begun
    read = sum(d.pop("read") for d in disks)
    manifest = {
        "schema": 1, "source": copy.source, "stamp": copy.stamp, "level": plan.level, "base": plan.base,
        "target": copy.target.ident, "host": socket.gethostname(), "provider": args.provider, "machine": args.machine,
        "run": args.run, "started": started, "finished": targets.now(), "quiesced": quiesced,
        "full_because": plan.full_because, "disks": disks,
        "compression": {"algorithm": "zstd", "level": args.compression_level} if plan.recipients else None,
        "encryption": {"tool": "age", "recipients": plan.recipients} if plan.recipients else None,
        "files": files,
        "tools": {"agent": tools.AGENT, **versions()},
    }
    targets.write_json(copy.file("manifest.json"), manifest)
    machine.keep_bitmaps({plan.bitmap, *_needed_bitmaps(plan)})
    return {
        "source": copy.source, "stamp": copy.stamp, "level": plan.level, "base": plan.base,
        "full_because": plan.full_because, "payload": sum(d["payload"] for d in disks), "stored": copy.stored(),
        "digest": digest_of(disks), "quiesced": quiesced, "seconds": round(seconds, 3),
        "bytes_per_second": round(read / seconds) if seconds else 0, "disks": disks,
    }


def _definition(plan, name, text):
    """Writes the machine's definition beside the disks."""
    data = text.encode()
    if plan.recipients:
        name, data = name + ".age", streams.pack(data, [streams.age(plan.recipients)])
    targets.write_file(plan.copy.file(name), data)
    return {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}}


def digest_of(disks):
    """One digest for a machine of several disks."""
    if len(disks) == 1:
        return disks[0]["digest"]
    text = "".join(f"{d['name']} {d['digest']}\n" for d in disks)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _needed_bitmaps(plan):
    """Those that the next copy may build on when this one is not kept: its base's, and
    the newest committed copy's."""
    stamps = [c.stamp for c in plan.copy.target.copies(plan.copy.source) if c.state == "committed"]
    return {image.BITMAP + s for s in stamps[-1:] + ([plan.base] if plan.base else [])}


def _bases(plan, machine, locks):
    """The lists of blocks that level n starts from, by disk. Makes it level 0 when
    there is no base to build on."""
    if plan.level == 0:
        return {}
    target, source = plan.copy.target, plan.copy.source
    base = target.copy(source, plan.base)
    if not os.path.isdir(base.path):
        plan.full(f"its base {plan.base} is not on the target")
        return {}
    locks.enter_context(target.lock(source, plan.base, shared=True))
    try:
        manifest = base.manifest()
        plan_names = {d["name"] for d in machine.disks}
        known = {d["name"]: d for d in manifest["disks"]}
        if plan_names != set(known):
            plan.full("the machine has other disks than its base")
            return {}
        return {name: _base_blocks(plan, base, d) for name, d in known.items()}
    except Failure as e:
        plan.full(f"its base {plan.base} cannot be used: {e}")
        return {}


def _base_blocks(plan, base, disk):
    local = _state_file(plan, base.stamp, disk["name"])
    found = None
    if not disk["blocks"].endswith(".age"):
        found = blocklist.parse(streams.unpack(base.file(disk["blocks"])))
    elif local and os.path.exists(local):
        found = blocklist.parse(streams.unpack(local))
    if found is None:
        raise Failure("base-missing", "its list of blocks is encrypted, and this host has no copy of its own")
    if found.digest() != disk["digest"]:
        raise Failure("corrupt", "its list of blocks is damaged")
    return found


def _state_file(plan, stamp, disk):
    return os.path.join(plan.args.state, plan.copy.source, stamp, disk + ".blocks.zst") if plan.args.state else None


def _disk(plan, source, disk, base):
    """Copies one disk; returns its entry of the manifest, with the bytes `read`."""
    args, copy, name = plan.args, plan.copy, disk["name"]
    image_name = name + ".qcow2"
    with contextlib.ExitStack() as closing:
        where = copy.path
        if plan.recipients:
            # Nothing readable may touch the target, not even for a moment.
            where = closing.enter_context(work.directory(args.holding, args.run))
            targets.require_space(where, args.estimate * 12 // 10)
        path = os.path.join(where, image_name)
        with source.open(disk) as export:
            size = export.size()
            blocks = base.copy() if base else blocklist.Blocks(size)
            if blocks.size != size:
                raise Failure("failed", f"disk {name} has {size} bytes, its base {blocks.size}")
            progress = life.Progress(f"dump {copy.source} {name}", size)
            with qcow2.Writer(path, size) as to:
                moved = transfer.Transfer(export, blocks, to, plan.limiter, progress)
                moved.changed() if base else moved.all()
        targets.sync_file(path)
        plain = os.path.getsize(path)
        file, checksum = image_name, None
        if plan.recipients:
            file += ".zst.age"
            checksum = streams.to_file(path, [streams.zstd(args.compression_level), streams.age(plan.recipients)], copy.file(file))
            _check_written(copy.file(file), checksum)
    text = streams.pack(blocks.text(), [streams.zstd(threads=1)])
    listed = name + ".blocks.zst"
    if plan.recipients:
        _keep_blocks(plan, name, text)
        text, listed = streams.pack(text, [streams.age(plan.recipients)]), listed + ".age"
    targets.write_file(copy.file(listed), text)
    return {
        "name": name, "path": disk["path"], "source_format": disk["format"], "size": size, "payload": moved.payload,
        "digest": blocks.digest(), "data_blocks": blocks.data_blocks(), "file": file,
        "file_size": os.path.getsize(copy.file(file)), "file_sha256": checksum, "plain_size": plain,
        "blocks": listed, "bitmap": plan.bitmap if source.tracked(disk) else None, "read": moved.read,
    }


def _check_written(path, checksum):
    """A ciphertext cannot be compared by its content here, where no key is: it is read
    back from the disk instead."""
    if targets.sha256_file(path) != checksum:
        raise Failure("io", f"{path} reads back otherwise than it was written", path=path)


def _keep_blocks(plan, name, text):
    """Keeps a readable list of blocks on the host that has the readable disk anyway;
    without it the next copy would have to be a full one."""
    path = _state_file(plan, plan.copy.stamp, name)
    if not path:
        return
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        targets.write_file(path, text)
        own = os.path.join(plan.args.state, plan.copy.source)
        wanted = {plan.copy.stamp} | {b[len(image.BITMAP):] for b in _needed_bitmaps(plan)}
        for stamp in set(os.listdir(own)) - wanted:
            shutil.rmtree(os.path.join(own, stamp), ignore_errors=True)
    except OSError as e:
        raise targets.of_os(e, path) from None
