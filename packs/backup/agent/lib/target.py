"""The layout of a target: the marker, the copies, their locks and manifests.

Whoever writes below a target does it through a Target, which looks at the marker
first and keeps the root open, so that it cannot be unmounted under the work.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import time

from failure import Failure

MARKER = ".squall-target"
LOCK_WAIT = 30.0  # seconds
STATES = {"": "committed", ".partial": "partial", ".bad": "bad"}
_SOURCE = re.compile(r"[A-Za-z0-9_+@-][A-Za-z0-9._+@-]{0,127}")
_STAMP = re.compile(r"\d{8}T\d{6}Z")
_COPY = re.compile(r"(\d{8}T\d{6}Z)(\.partial|\.bad|)")
# Of a copy that is being deleted. It is nothing any more, and goes on the next occasion.
_REMOVING = re.compile(r"(\d{8}T\d{6}Z)(\.bad|)\.removing")


def source_name(text):
    if not _SOURCE.fullmatch(text):
        raise Failure("usage", f"source {text!r}: letters, digits and ._-+@, not beginning with a dot, up to 128")
    return text


def stamp_name(text):
    if not _STAMP.fullmatch(text):
        raise Failure("usage", f"stamp {text!r} is not of the form 20261122T231500Z")
    return text


def file_name(text):
    """A name from a manifest that is about to become part of a path: whoever can
    write to the target must not be able to lead us elsewhere."""
    if not text or text.startswith(".") or "/" in text or "\0" in text:
        raise Failure("corrupt", f"the manifest names a file {text!r}")
    return text


class Target:
    """An existing target. Use it in a `with`."""

    def __init__(self, root, ident):
        self.root, self.ident = root, ident
        self._held = None

    def __enter__(self):
        try:
            self._held = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as e:
            raise Failure("target-not-mounted", f"{self.root}: {e.strerror}", path=self.root, expected=self.ident, found=None) from None
        try:
            check_marker(self.root, self.ident)
        except BaseException:
            os.close(self._held)
            raise
        return self

    def __exit__(self, *_):
        os.close(self._held)

    def free(self):
        return space(self.root)

    def sources(self):
        return sorted(name for name in os.listdir(self.root)
                      if _SOURCE.fullmatch(name) and os.path.isdir(os.path.join(self.root, name)) and name != "lost+found")

    def copy(self, source, stamp, state="committed"):
        return Copy(self, source, stamp, state)

    def find(self, source, stamp, states=("committed", "partial", "bad")):
        """The copy in the first of those states in which it is there."""
        for state in states:
            copy = self.copy(source, stamp, state)
            if os.path.isdir(copy.path):
                return copy
        raise Failure("not-found", f"there is no copy {source}/{stamp} on target {self.ident}")

    def copies(self, source):
        """All copies of a source, oldest first."""
        found = []
        for name in _entries(os.path.join(self.root, source)):
            match = _COPY.fullmatch(name)
            if match:
                found.append(self.copy(source, match[1], STATES[match[2]]))
        return found

    def half_removed(self, source):
        return [os.path.join(self.root, source, name)
                for name in _entries(os.path.join(self.root, source)) if _REMOVING.fullmatch(name)]

    @contextlib.contextmanager
    def lock(self, source, stamp=None, shared=False, wait=True):
        """Keeps others from a source, or from one copy of it. Waits for a call that is
        just ending, as one does whose connection was lost."""
        name = f".{stamp}.lock" if stamp else ".lock"
        path = os.path.join(self.root, source, name)
        fd = _lock(path, shared, time.monotonic() + (LOCK_WAIT if wait else 0))
        try:
            yield
        finally:
            os.close(fd)

    def forget_lock(self, source, stamp):
        """Removes the lock file of a copy that is gone; its lock is ours."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.root, source, f".{stamp}.lock"))


class Copy:
    """One copy in one state. The same stamp in another state is another directory."""

    def __init__(self, target, source, stamp, state):
        self.target, self.source, self.stamp, self.state = target, source, stamp, state
        suffix = next(s for s, word in STATES.items() if word == state)
        self.path = os.path.join(target.root, source, stamp + suffix)

    def __str__(self):
        return f"{self.source}/{os.path.basename(self.path)}"

    def file(self, name):
        return os.path.join(self.path, file_name(name))

    def manifest(self):
        try:
            with open(self.file("manifest.json"), "rb") as f:
                manifest = json.load(f)
            if manifest["schema"] != 1:
                raise Failure("failed", f"{self}: manifest of schema {manifest['schema']}, this agent knows 1")
            if (manifest["source"], manifest["stamp"]) != (self.source, self.stamp):
                raise ValueError("it is another copy's")
            for disk in manifest["disks"]:
                file_name(disk["name"]), file_name(disk["file"])
            return manifest
        except FileNotFoundError:
            raise Failure("corrupt", f"{self} has no manifest") from None
        except OSError as e:
            raise Failure("io", f"{self}: manifest: {e.strerror}") from None
        except (ValueError, KeyError, TypeError) as e:
            raise Failure("corrupt", f"{self}: the manifest is damaged: {e}") from None

    def note(self, name):
        """A small JSON file of the copy, or None."""
        try:
            with open(self.file(name), "rb") as f:
                return json.load(f)
        except (OSError, ValueError):
            return None

    def stored(self):
        with contextlib.suppress(OSError):
            return sum(e.stat().st_blocks * 512 for e in os.scandir(self.path) if e.is_file(follow_symlinks=False))
        return 0

    def rename(self, state):
        """Moves the copy to another state, durably, and returns it."""
        other = Copy(self.target, self.source, self.stamp, state)
        if os.path.exists(other.path):
            raise Failure("exists", f"{other} is there already", path=other.path)
        os.rename(self.path, other.path)
        sync_directory(os.path.dirname(self.path))
        return other

    def delete(self):
        """Deletes the copy; what looks at the target meanwhile sees all of it or nothing."""
        gone = self.path if self.state == "partial" else self.path + ".removing"
        if gone != self.path:
            shutil.rmtree(gone, ignore_errors=True)
            os.rename(self.path, gone)
            sync_directory(os.path.dirname(self.path))
        shutil.rmtree(gone)


def check_marker(root, ident):
    found = None
    with contextlib.suppress(OSError):
        with open(os.path.join(root, MARKER), encoding="utf-8", errors="replace") as f:
            found = f.readline(1000).strip()
    if found == ident and ident:
        return
    said = f"says {found!r}" if found is not None else "is missing"
    raise Failure("target-not-mounted", f"{os.path.join(root, MARKER)} {said}, expected {ident!r}: the target is not mounted here",
                  path=root, expected=ident, found=found)


def initialise(args):
    """Gives a directory its marker: the one thing that is written without one."""
    root, ident = args.root, args.target
    path = os.path.join(root, MARKER)
    if os.path.exists(path):
        check_marker(root, ident)
        return {"root": root, "target": ident, "created": False}
    write_file(path, ident.encode() + b"\n", mode=0o644)
    return {"root": root, "target": ident, "created": True}


def space(path):
    v = os.statvfs(path)
    return v.f_bavail * v.f_frsize


def require_space(path, needed):
    free = space(path)
    if free < needed:
        raise Failure("no-space", f"{path} has {free >> 20} MiB free, {-(-needed >> 20)} MiB are needed",
                      path=path, free=free, needed=needed)
    return free


def write_file(path, data, mode=0o600):
    """Puts a file in its place as a whole, and on the disk."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        with os.fdopen(fd, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.rename(temporary, path)
    except OSError as e:
        raise of_os(e, path) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    sync_directory(os.path.dirname(path))


def write_json(path, value):
    write_file(path, json.dumps(value, indent=1, sort_keys=False).encode() + b"\n")


def sync_file(path):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
        # What is read later must come from the disk, not from memory.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def sync_directory(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as e:
        if e.errno != errno.EINVAL:  # some FUSE file systems know no such thing
            raise
    finally:
        os.close(fd)


def sha256_file(path, limiter=None):
    h = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        while True:
            chunk = f.read(1 << 20)
            if not chunk:
                return h.hexdigest()
            h.update(chunk)
            if limiter:
                limiter.take(len(chunk))


def of_os(e, path):
    """The Failure for an error of the operating system."""
    if e.errno in (errno.ENOSPC, errno.EDQUOT):
        free = 0
        with contextlib.suppress(OSError):
            free = space(os.path.dirname(path))
        return Failure("no-space", f"{path}: {e.strerror}", path=path, free=free, needed=None)
    return Failure("io", f"{path}: {e.strerror}", path=path)


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _entries(path):
    try:
        return sorted(os.listdir(path))
    except FileNotFoundError:
        return []


def _lock(path, shared, until):
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:
            raise Failure("not-found", f"{os.path.dirname(path)} is not there", path=path) from None
        except OSError as e:
            raise of_os(e, path) from None
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as e:
            os.close(fd)
            if e.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise of_os(e, path) from None
            if time.monotonic() < until:
                time.sleep(0.1)
                continue
            raise Failure("busy", f"{os.path.dirname(path)}: another call works on it", path=path) from None
        # Whoever held it may have removed the file: then ours keeps nobody out.
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(fd).st_ino:
                return fd
        os.close(fd)
