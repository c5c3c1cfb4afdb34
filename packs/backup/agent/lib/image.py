"""Images and devices through qemu's tools: what they are, how they are opened.

Formats are always named, never guessed by qemu: the guest of a raw disk can write
the header of a qcow2 file into it that names any file of the host as its base.
"""

import json
import os
import stat
import struct
import subprocess

from failure import Failure
import tools

_BY_NAME = {".qcow2": "qcow2", ".raw": "raw", ".img": "raw"}
IMAGE_SUFFIXES = tuple(_BY_NAME)
BITMAP = "squall-"
_MAP_LIMIT = 16 << 20  # bytes of JSON


def is_device(path):
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False


def format_of(path, given=None):
    """The format of an image: as given, or by its name when its content agrees."""
    if given in ("raw", "qcow2"):
        return given
    if given:
        raise Failure("usage", f"format {given!r} of {path}: raw or qcow2")
    if is_device(path):
        return "raw"
    named = _BY_NAME.get(os.path.splitext(path)[1])
    try:
        with open(path, "rb") as f:
            magic = f.read(4) == b"QFI\xfb"
    except FileNotFoundError:
        raise Failure("not-found", f"there is no image {path}", path=path) from None
    except OSError as e:
        raise Failure("io", f"{path}: {e.strerror}", path=path) from None
    if named is None or magic != (named == "qcow2"):
        raise Failure("unsafe-format", f"{path}: say whether it is raw or qcow2; its name and its content do not", path=path)
    return named


def info(path, fmt):
    """What qemu-img knows of an image, whether it is in use or not."""
    if not os.path.exists(path):
        raise Failure("not-found", f"there is no image {path}", path=path)
    if is_device(path):
        size = device_size(path)
        return {"virtual-size": size, "actual-size": size}
    said = tools.run("qemu-img", "info", "--output=json", "-U", "-f", fmt, path)
    return json.loads(said.stdout)


def device_size(path):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.lseek(fd, 0, os.SEEK_END)
    finally:
        os.close(fd)


def describe(name, path, fmt=None):
    """A disk as `list` shows it."""
    fmt = format_of(path, fmt)
    known = info(path, fmt)
    bitmaps = bitmaps_of(known)
    return {
        "name": name, "path": path, "format": fmt, "size": known["virtual-size"], "allocated": known["actual-size"],
        "bitmaps": sorted(bitmaps), "incremental": fmt == "qcow2" and not is_device(path),
    }


def bitmaps_of(known):
    """The agent's bitmaps in what info() returned, with their flags."""
    data = known.get("format-specific", {}).get("data", {})
    return {b["name"]: b["flags"] for b in data.get("bitmaps", []) if b["name"].startswith(BITMAP)}


def node(path, fmt, base=None, chain=False):
    """How qemu is told to open an image: its base is `base`, or none. chain=True
    takes the one its header names, which must say that one's format too."""
    if chain and fmt == "qcow2":
        _require_formats(path)
    opened = {"driver": fmt, "file": {"driver": "host_device" if is_device(path) else "file", "filename": os.path.abspath(path)}}
    if fmt == "qcow2" and not chain:
        opened["backing"] = base
    return opened


def _require_formats(path):
    said = json.loads(tools.run("qemu-img", "info", "--output=json", "-U", "-f", "qcow2", path).stdout)
    if said.get("backing-filename") and said.get("backing-filename-format") not in ("raw", "qcow2"):
        raise Failure("unsafe-format", f"{path} does not say the format of its base {said['backing-filename']}: "
                      "qemu-img rebase -u -b BASE -F FORMAT adds it", path=path)
    if said.get("backing-filename-format") == "qcow2":
        base = said.get("full-backing-filename", said["backing-filename"])
        _require_formats(base)


def plain_extents(path, opened, fd):
    """Where the disk's data lies in the image file as it is: the starts, and (start,
    end, offset in the file) for each. Nothing for an image that keeps it elsewhere, or is
    in so many pieces that knowing them would need too much memory."""
    if opened["driver"] == "qcow2" and not _keeps_data_plain(fd):
        return [], []
    p = tools.start("qemu-img", "map", "--output=json", "-U", "json:" + json.dumps(opened), stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with p:
        said = p.stdout.read(_MAP_LIMIT + 1)
        if len(said) > _MAP_LIMIT:
            p.kill()
            return [], []
        words = p.stderr.read().decode(errors="replace")
    if p.returncode != 0:
        raise of_qemu(path, words)
    found = []
    for e in json.loads(said):
        if not (e["data"] and e["depth"] == 0 and "offset" in e):
            continue
        begin, end, offset = e["start"], e["start"] + e["length"], e["offset"]
        if found and found[-1][1] == begin and found[-1][2] + begin - found[-1][0] == offset:
            found[-1] = (found[-1][0], end, found[-1][2])
        else:
            found.append((begin, end, offset))
    return [e[0] for e in found], found


def _keeps_data_plain(fd):
    """Whether a qcow2 file is not encrypted, and has nothing that makes an offset mean
    something else: of the incompatible features only the marks that it was not closed, that it is
    corrupt, and the other compression."""
    magic, version, encryption, features = struct.unpack(">4sI24xI36xQ", os.pread(fd, 80, 0))
    return magic == b"QFI\xfb" and encryption == 0 and (version == 2 or features & ~0b1011 == 0)


def add_bitmap(path, name):
    """Begins a bitmap, unless it is there: a repeated call's is older, and so as good."""
    said = tools.run_whole("qemu-img", "bitmap", "--add", "-f", "qcow2", path, name)
    if said.returncode != 0 and name not in bitmaps_of(info(path, "qcow2")):
        raise of_qemu(path, said.stderr)


def remove_bitmap(path, name):
    """Says whether it could be removed: not while a machine runs on the image."""
    return tools.run_whole("qemu-img", "bitmap", "--remove", "-f", "qcow2", path, name).returncode == 0


def of_qemu(path, stderr):
    """The Failure for what one of qemu's tools said."""
    words = tools.last_words(stderr)
    if "lock" in words and ("Failed to get" in words or "Is another process" in words):
        return Failure("in-use", f"{path} is open elsewhere, by a running machine most likely: {words}", path=path)
    if "No space left" in words:
        return Failure("no-space", f"{path}: {words}", path=path, free=0, needed=None)
    return Failure("io", f"{path}: {words}", path=path)
