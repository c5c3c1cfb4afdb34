"""What a restore of a copy yields: its file over that of its base, down to level 0.

The way is always the manifests', never what stands in the image files: whoever can
write to the target must not be able to lead qemu to other files.
"""

import contextlib
import os

import blocks as blocklist
from failure import Failure
import image
import nbdio
import streams
import target as targets
import work


def members(copy, closing):
    """The copies a restore needs, level 0 first, each with its manifest. They are kept
    from being removed until closing is closed."""
    found = []
    while True:
        closing.enter_context(copy.target.lock(copy.source, copy.stamp, shared=True))
        manifest = copy.manifest()
        found.append((copy, manifest))
        base = manifest["base"]
        if base is None:
            return found[::-1]
        if not base < copy.stamp:
            raise Failure("corrupt", f"{copy} names {base} as its base")
        below = copy.target.copy(copy.source, targets.stamp_name(base))
        if not os.path.isdir(below.path):
            bad = copy.target.copy(copy.source, base, "bad")
            why = "is quarantined" if os.path.isdir(bad.path) else "is missing"
            raise Failure("corrupt", f"{copy} cannot be restored: its base {base} {why}", base=base)
        copy = below


def encrypted(chain):
    return any(m["encryption"] for _, m in chain)


def disk_of(manifest, name):
    for d in manifest["disks"]:
        if d["name"] == name:
            return d
    raise Failure("not-found", f"{manifest['source']}/{manifest['stamp']} has no disk {name}")


def file_of(copy, disk):
    """The stored file: as the manifest says, or as an interrupted step left it."""
    path = copy.file(disk["file"])
    if not os.path.isfile(path):
        raise Failure("corrupt", f"{copy}: {disk['file']} is missing", path=path)
    return path


def scratch_needed(chain, names):
    """Bytes of scratch space for the compressed files."""
    return sum(disk_of(m, name)["plain_size"] for _, m in chain for name in names
               if not disk_of(m, name)["file"].endswith(".qcow2"))


@contextlib.contextmanager
def opened(chain, name, scratch, limiter=None):
    """The disk as a restore yields it, to be read."""
    with contextlib.ExitStack() as closing:
        node = None
        if scratch_needed(chain, [name]):
            scratch = closing.enter_context(work.directory(scratch))
            targets.require_space(scratch, scratch_needed(chain, [name]))
        for copy, manifest in chain:
            path = file_of(copy, disk_of(manifest, name))
            if not path.endswith(".qcow2"):
                recipients = (manifest["encryption"] or {}).get("recipients")
                path = streams.restored(path, os.path.join(scratch, f"{copy.stamp}.qcow2"), recipients, limiter=limiter)
            node = image.node(path, "qcow2", base=node)
        server = nbdio.Server(path, node)
        try:
            closing.enter_context(server)
        except Failure as e:
            if e.kind == "io":
                raise Failure("corrupt", str(e), **e.fields) from None
            raise
        yield server


def expected_blocks(copy, manifest, name):
    """The list of blocks as stored, or None when it is not what the manifest says."""
    disk = disk_of(manifest, name)
    try:
        found = blocklist.parse(streams.unpack(copy.file(disk["blocks"]), (manifest["encryption"] or {}).get("recipients")))
    except Failure as e:
        if e.kind != "corrupt":
            raise
        return None
    return found if found.digest() == disk["digest"] else None
