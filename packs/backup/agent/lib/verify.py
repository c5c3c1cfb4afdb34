"""Proving that a copy can be restored, and noting the proof beside it."""

import contextlib
import os
import time

import blocks as blocklist
import chain
from failure import Failure
import life
import target as targets
import tools
import transfer

NOTE = "verified.json"
_SHOWN = 100  # bad blocks


def verify(args):
    with targets.Target(args.root, args.target) as target, contextlib.ExitStack() as closing:
        copy = target.find(args.source, args.stamp)
        begun = time.monotonic()
        try:
            result = _verify(copy, args, closing)
        except Failure as e:
            if e.kind != "corrupt":
                raise
            # What cannot even be looked at is not a copy.
            result = {"depth": args.depth or "content", "bytes": 0, "chain": [], "disks": [], "problem": str(e)}
        bad = [d for d in result["disks"] if not d["ok"]]
        good = not bad and "problem" not in result
        result = {"source": copy.source, "stamp": copy.stamp, "state": copy.state, **result,
                  "seconds": round(time.monotonic() - begun, 3)}
        targets.write_json(copy.file(NOTE), {"at": targets.now(), "ok": good, "depth": result["depth"],
                                             "problem": result.get("problem") or _words(bad) or None})
        if not good:
            raise Failure("corrupt", f"{copy}: {result.get('problem') or _words(bad)}", **result)
        return result


def _verify(copy, args, closing):
    found = chain.members(copy, closing)
    manifest = found[-1][1]
    depth = args.depth or ("payload" if chain.encrypted(found) and not tools.secrets.get("BACKUP_IDENTITIES") else "content")
    limiter = life.Limiter(args.rate_limit)
    if depth == "payload":
        disks, count = _payload(copy, manifest, limiter)
    else:
        _files(copy, manifest)
        disks, count = [], 0
        for disk in manifest["disks"]:
            verdict, read = _content(found, disk, args.scratch, limiter)
            disks.append(verdict)
            count += read
    return {"depth": depth, "chain": [c.stamp for c, _ in found], "bytes": count, "disks": disks}


def _content(found, disk, scratch, limiter):
    copy, manifest = found[-1]
    name = disk["name"]
    verdict = {"name": name, "ok": False, "digest": None, "expected": disk["digest"], "bad_blocks": [], "bad_count": 0, "problem": None}
    expected = chain.expected_blocks(copy, manifest, name)
    try:
        with chain.opened(found, name, scratch, limiter) as disk_read:
            size = disk_read.size()
            seen = blocklist.Blocks(size)
            moved = transfer.Transfer(disk_read, seen, None, limiter, life.Progress(f"verify {copy} {name}", size))
            moved.all()
    except Failure as e:
        if e.kind not in ("corrupt", "io"):
            raise
        verdict["problem"] = str(e)
        return verdict, 0
    verdict["digest"] = seen.digest()
    verdict["ok"] = verdict["digest"] == disk["digest"]
    if not verdict["ok"]:
        bad = seen.differences(expected) if expected else []
        verdict["bad_blocks"], verdict["bad_count"] = bad[:_SHOWN], len(bad)
        verdict["problem"] = _blocks(bad) if expected else "the content differs, and the list of blocks is damaged as well"
    elif expected is None:
        # The disk is good; but the next copy and the next verification build on the list.
        verdict["ok"], verdict["problem"] = False, "the list of blocks is damaged, the disk itself is not"
    return verdict, moved.read


def _files(copy, manifest):
    """The small files beside the disks."""
    for name, known in manifest["files"].items():
        path = copy.file(name)
        if not os.path.isfile(path) or targets.sha256_file(path) != known["sha256"]:
            raise Failure("corrupt", f"{copy}: {name} is missing or differs")


def _payload(copy, manifest, limiter):
    _files(copy, manifest)
    disks, count = [], 0
    for disk in manifest["disks"]:
        path, problem, found = copy.file(disk["file"]), None, None
        if not os.path.isfile(path):
            problem = f"{disk['file']} is missing"
        elif disk["file_sha256"]:
            found = targets.sha256_file(path, limiter)
            count += os.path.getsize(path)
            if found != disk["file_sha256"]:
                problem = f"{disk['file']} is not as it was written"
        if not os.path.isfile(copy.file(disk["blocks"])):
            problem = f"{disk['blocks']} is missing"
        disks.append({"name": disk["name"], "ok": problem is None, "digest": found and "sha256:" + found,
                      "expected": disk["file_sha256"] and "sha256:" + disk["file_sha256"], "bad_blocks": [], "bad_count": 0,
                      "problem": problem})
    return disks, count


def _blocks(bad):
    shown = ", ".join(str(i) for i in bad[:5])
    return f"{len(bad)} blocks differ: {shown}{', ...' if len(bad) > 5 else ''} (MiB)"


def _words(bad):
    return "; ".join(f"disk {d['name']}: {d['problem']}" for d in bad)
