"""Files through programs: compression, encryption, and back.

Bytes are hashed on their way, so that what is noted in a manifest is what was
written, and nothing is read twice for it.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import tempfile
import threading

from blocks import is_zero
from failure import Failure
import target
import tools

_CHUNK = 1 << 20


def zstd(level=3, threads=0, long=False):
    return ["zstd", "-q", "-c", f"-{level}", f"-T{threads}"] + (["--long"] if long else [])


UNZSTD = ["zstd", "-q", "-d", "-c", "--long=31"]


def age(recipients):
    return ["age"] + [word for r in recipients for word in ("-r", r)]


@contextlib.contextmanager
def unage(recipients=()):
    """The command that decrypts, and the descriptors it needs. The identities lie in
    memory only."""
    text = tools.secrets.get("BACKUP_IDENTITIES")
    if not text:
        raise Failure("wrong-key", "the copy is encrypted and BACKUP_IDENTITIES is empty", recipients=list(recipients))
    tools.need("age")
    fd = os.memfd_create("identities", 0)
    try:
        with os.fdopen(os.dup(fd), "w", encoding="utf-8") as f:
            f.write(text.rstrip("\n") + "\n")
        yield ["age", "-d", "-i", f"/proc/self/fd/{fd}"], (fd,)
    finally:
        os.close(fd)


class Stream:
    """Bytes from a file, through programs, to a function. `sum_in` is the SHA-256 of
    what went in."""

    def __init__(self, path, commands, limiter=None, progress=None, descriptors=()):
        self.path, self.commands, self.limiter = path, commands, limiter
        self.progress, self.descriptors = progress, descriptors
        self.sum_in = None
        self.count_in = 0
        self._problem = None

    def run(self, write):
        with contextlib.ExitStack() as closing:
            source = closing.enter_context(opened(self.path))
            processes, said = [], []
            closing.callback(end, processes)
            upstream = subprocess.PIPE
            for command in self.commands:
                words = closing.enter_context(tempfile.TemporaryFile("w+", errors="replace"))
                p = tools.start(*command, stdin=upstream, stdout=subprocess.PIPE, stderr=words, pass_fds=self.descriptors)
                if processes:
                    upstream.close()
                processes.append(p)
                said.append(words)
                upstream = p.stdout
                widen(p.stdout)
            widen(processes[0].stdin)
            feeder = threading.Thread(target=self._feed, args=(source, processes[0].stdin), daemon=True)
            feeder.start()
            self._drain(upstream, write)
            feeder.join()
            for command, p, words in zip(self.commands, processes, said):
                if p.wait() != 0:
                    words.seek(0)
                    raise problem(command, p.returncode, words.read(), self.path)
            if self._problem:
                raise self._problem

    def _feed(self, source, pipe):
        h = hashlib.sha256()
        try:
            with pipe:
                while True:
                    chunk = source.read(_CHUNK)
                    if not chunk:
                        break
                    if self.limiter:
                        self.limiter.take(len(chunk))
                    pipe.write(chunk)
                    h.update(chunk)
                    self.count_in += len(chunk)
        except BrokenPipeError:
            pass  # the program has ended, and says why
        except OSError as e:
            self._problem = target.of_os(e, self.path)
        self.sum_in = h.hexdigest()

    def _drain(self, pipe, write):
        with pipe:
            while True:
                chunk = pipe.read1(_CHUNK)
                if not chunk:
                    return
                write(chunk)
                if self.progress:
                    self.progress.at(self.count_in)


def opened(path):
    """A file that must be there."""
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError:
        raise Failure("corrupt", f"{path} is missing", path=path) from None
    except OSError as e:
        raise target.of_os(e, path) from None


def end(processes):
    """Ends what still runs, and closes its pipes."""
    for p in processes:
        if p.poll() is None:
            p.kill()
        p.wait()
        for pipe in (p.stdin, p.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


def widen(pipe):
    """So that the two ends need not wait for each other so often."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, 1031, _CHUNK)  # F_SETPIPE_SZ


def problem(command, code, stderr, path):
    """The Failure for a program that did not do its work."""
    words = tools.last_words(stderr) or f"status {code}"
    if command[0] == "age" and "no identity matched" in stderr:
        return Failure("wrong-key", f"{path}: none of the identities opens it", path=path)
    if command[0] == "age" and "/proc/self/fd/" in stderr:
        return Failure("wrong-key", f"{path}: age cannot read BACKUP_IDENTITIES", path=path)
    if "-d" in command:
        return Failure("corrupt", f"{path}: {command[0]}: {words}", path=path)
    return Failure("failed", f"{path}: {command[0]}: {words}", path=path)


def to_file(path, commands, to, **more):
    """Makes the file `to`, which is not there before it is whole and on the disk;
    returns the SHA-256 of its content."""
    h = hashlib.sha256()
    temporary = to + ".tmp"
    try:
        with open(temporary, "wb", buffering=0) as f:
            os.fchmod(f.fileno(), 0o600)

            def write(chunk):
                _write_all(f, chunk)
                h.update(chunk)

            Stream(path, commands, **more).run(write)
        target.sync_file(temporary)
        os.rename(temporary, to)
        return h.hexdigest()
    except OSError as e:
        raise target.of_os(e, to) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def restored(path, to, recipients=None, **more):
    """Brings a stored file back to what it was before compression and encryption."""
    with contextlib.ExitStack() as closing:
        commands, descriptors = [], ()
        if path.endswith(".age"):
            command, descriptors = closing.enter_context(unage(recipients or ()))
            commands.append(command)
            path_inside = path[:-4]
        else:
            path_inside = path
        if path_inside.endswith(".zst"):
            commands.append(UNZSTD)
        with open(to, "wb", buffering=0) as f:
            os.fchmod(f.fileno(), 0o600)
            Stream(path, commands, descriptors=descriptors, **more).run(lambda chunk: _write_sparse(f, chunk))
            f.truncate(f.tell())
    return to


def pack(data, commands):
    """Small data through programs."""
    return _filter(data, commands, "failed")


def unpack(path, recipients=None):
    """The content of a small stored file, as it was before pack(): decrypted and
    decompressed as its name says."""
    with contextlib.ExitStack() as closing:
        inside = path[:-4] if path.endswith(".age") else path
        commands, descriptors = [UNZSTD] if inside.endswith(".zst") else [], ()
        if path.endswith(".age"):
            command, descriptors = closing.enter_context(unage(recipients or ()))
            commands.insert(0, command)
        with opened(path) as f:
            data = f.read()
        return _filter(data, commands, "corrupt", path, descriptors)


def _filter(data, commands, kind, path="", descriptors=()):
    for command in commands:
        done = subprocess.run([tools.need(command[0]), *command[1:]], input=data, capture_output=True,
                              env=tools.environment(), pass_fds=descriptors, check=False)
        if done.returncode != 0:
            raise problem(command, done.returncode, done.stderr.decode(errors="replace"), path) if kind == "corrupt" else \
                Failure(kind, f"{command[0]}: {tools.last_words(done.stderr.decode(errors='replace'))}")
        data = done.stdout
    return data


def _write_all(f, chunk):
    view = memoryview(chunk)
    while view:
        view = view[f.write(view):]


def _write_sparse(f, chunk):
    if is_zero(chunk):
        f.seek(len(chunk), os.SEEK_CUR)
    else:
        _write_all(f, chunk)
