"""Mounting a target and letting go of it."""

import contextlib
import os
import re
import time

from failure import Failure
import target
import tools

KINDS = ("dir", "bind", "loop", "nfs", "sshfs")


def mount(args):
    kind, at = args.kind, args.at
    if kind not in KINDS:
        raise Failure("usage", f"kind {kind!r}: one of {', '.join(KINDS)}")
    already = kind == "dir" or is_mounted(at)
    if not already:
        if not args.what:
            raise Failure("usage", f"what: what is to be mounted is needed for kind {kind}")
        made = not os.path.isdir(at)
        os.makedirs(at, mode=0o700, exist_ok=True)
        try:
            _attach(kind, args.what, at, args.options)
        except BaseException:
            if made:
                with contextlib.suppress(OSError):
                    os.rmdir(at)
            raise
    try:
        target.check_marker(at, args.target)
        if args.fs_uuid:
            _check_uuid(at, args.fs_uuid)
    except BaseException:
        if not already:
            _unmount(at)
        raise
    v = os.statvfs(at)
    return {"at": at, "kind": kind, "target": args.target, "free": v.f_bavail * v.f_frsize,
            "size": v.f_blocks * v.f_frsize, "already": already and kind != "dir"}


def _attach(kind, what, at, options):
    # The target's server works on the same files: what is remembered of them here
    # would be wrong.
    if kind == "sshfs":
        flags = "reconnect,ServerAliveInterval=15,ServerAliveCountMax=3,BatchMode=yes,dir_cache=no,attr_timeout=0,entry_timeout=0,negative_timeout=0"
        words = ["sshfs"]
    else:
        flags = {"bind": "bind", "loop": "loop,nodev,nosuid,noexec", "nfs": "hard,lookupcache=positive,nodev,nosuid,noexec"}[kind]
        words = ["mount"]
    if kind == "nfs":
        tools.need("mount.nfs")
        words += ["-t", "nfs"]
    words += ["-o", ",".join(filter(None, [flags, options])), what, at]
    tools.run(*words, kind="mount-failed", timeout=120)
    # A mount that was reported but is none is what the check of the marker is for.


def unmount(args):
    # A target of kind dir was mounted by somebody else, who wants it to stay.
    if args.kind == "dir" or not is_mounted(args.at):
        return {"at": args.at, "unmounted": False, "lazy": False}
    return {"at": args.at, "unmounted": True, "lazy": _unmount(args.at)}


def _unmount(at):
    """Says whether it could only be detached, because something still used it."""
    lazy = False
    for attempt in range(5):
        done = tools.run("umount", at, check=False) if attempt < 4 else None
        if done is not None and done.returncode == 0:
            break
        if attempt == 4:
            lazy = True
            tools.run("umount", "-l", at, kind="mount-failed")
        else:
            time.sleep(0.5 * (attempt + 1))
    with contextlib.suppress(OSError):
        os.rmdir(at)
    return lazy


def is_mounted(at):
    """Whether something is mounted exactly there. mountinfo also shows bind mounts of
    the same file system, which os.path.ismount does not see."""
    at = os.path.realpath(at)
    return any(point == at for point, _ in _table())


def _table():
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            words = line.split(" ")
            yield re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), words[4]), words[2]


def _check_uuid(at, expected):
    device = [number for point, number in _table() if point == os.path.realpath(at)]
    found = None
    for name in os.listdir("/dev/disk/by-uuid") if os.path.isdir("/dev/disk/by-uuid") else []:
        with contextlib.suppress(OSError):
            number = os.stat(os.path.join("/dev/disk/by-uuid", name)).st_rdev
            if device and f"{os.major(number)}:{os.minor(number)}" == device[-1]:
                found = name
    if found is None and device:
        # Without udev, as in a container, the device itself is asked.
        source = os.path.realpath(os.path.join("/sys/dev/block", device[-1]))
        done = tools.run("blkid", "-o", "value", "-s", "UUID", "/dev/" + os.path.basename(source), check=False)
        found = done.stdout.strip() or None
    if found != expected:
        raise Failure("target-not-mounted", f"{at} has the file system {found}, expected {expected}",
                      path=at, expected=expected, found=found)
