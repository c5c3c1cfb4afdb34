"""Compressing a file, and proving what was stored while it is still being made.

zstd reads the file by itself. What it yields is written by one thread, read back from
the disk by the next, unpacked and compared with the file by the third: so the proof is
ready when the compressing is, and costs no second run over the file.
"""

import contextlib
import hashlib
import itertools
import os
import queue
import subprocess
import tempfile
import threading

from blocks import BLOCK
import direct
from failure import Failure
import streams
import target
import tools
import unzstd

_PIECE = 4 << 20
_STRETCH = 64 << 20  # what the cache keeps of either file


def packed(path, command, to):
    """Makes the compressed file `to`, which is not there before it is whole and on the
    disk, and has been unpacked again and compared with `path` byte for byte. Returns
    its SHA-256."""
    temporary = to + ".tmp"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # a killed call's
        checksum = _run(path, command, temporary)
        target.sync_file(temporary)
        os.rename(temporary, to)
        return checksum
    except OSError as e:
        raise target.of_os(e, to) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _run(path, command, temporary):
    with contextlib.ExitStack() as closing:
        source = closing.enter_context(streams.opened(path))
        store = _Store(direct.File(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        closing.callback(store.file.close)
        proof = _Proof(store, source.fileno(), temporary)
        closing.callback(proof.unpacker.close)
        said = closing.enter_context(tempfile.TemporaryFile("w+", errors="replace"))
        p = tools.start(*command, stdin=source, stdout=subprocess.PIPE, stderr=said)
        closing.callback(streams.end, [p])
        streams.widen(p.stdout)
        threads = [threading.Thread(target=work, args=args, daemon=True)
                   for work, *args in ((store.attempt, store.fill, p.stdout), (proof.read,), (proof.unpack,))]
        try:
            for t in threads:
                t.start()
            for t in threads:
                while t.is_alive():
                    t.join(0.2)  # lets signals through
            if store.whole:
                p.wait()
        finally:
            store.give_up()
            streams.end([p])
            for t in threads:
                if t.ident:
                    t.join()
        if store.whole and p.returncode != 0:
            said.seek(0)
            raise streams.problem(command, p.returncode, said.read(), path)
        if store.problem:
            raise store.problem
        return proof.sum.hexdigest()


class _Store:
    """The file that is being made. Up to `there` it is on the disk; `whole` says that no
    more comes. The first problem ends all."""

    def __init__(self, file):
        self.file, self.there, self.whole, self.problem = file, 0, False, None
        self._changed, self._given_up = threading.Condition(), False

    def fill(self, pipe):
        memory, filled, at = direct.buffer(_PIECE), 0, 0
        more = True
        while more and not self._given_up:
            count = os.readv(pipe.fileno(), [memory[filled:]])
            filled, more = filled + count, count > 0
            if more and filled < _PIECE:
                continue
            self.file.write(memory[:filled], at)
            filled, at = 0, at + filled
            if not self.file.direct and more and at % _STRETCH:
                continue
            if not self.file.direct:
                os.fdatasync(self.file.fd)
                os.posix_fadvise(self.file.fd, 0, 0, os.POSIX_FADV_DONTNEED)
            with self._changed:
                self.there, self.whole = at, not more
                self._changed.notify_all()

    def wait(self, at):
        """Waits until a piece from `at` on is there, or all of the file; says whether
        there is anything to be read."""
        with self._changed:
            self._changed.wait_for(lambda: self.there >= at + _PIECE or self.whole or self._given_up)
            return self.there > at and not self._given_up

    def attempt(self, work, *args):
        """Does a part of the work, unless all has been given up. Its problem ends all."""
        if self._given_up:
            return
        try:
            work(*args)
        except Exception as e:
            with self._changed:
                self.problem = self.problem or e
            self.give_up()

    def give_up(self):
        with self._changed:
            self._given_up = True
            self._changed.notify_all()


class _Proof:
    """Reads what is stored, and compares what it yields with the source."""

    def __init__(self, store, source, path):
        self.sum = hashlib.sha256()
        self.unpacker = unzstd.Unpacker(path, self._compare)
        self._store, self._source, self._path = store, source, path
        self._at, self._block = 0, bytearray(BLOCK)
        self._pieces = queue.Queue(1)

    def read(self):
        self._store.attempt(self._read)
        self._pieces.put(None)

    def _read(self):
        # One is being filled, one waits, one is being unpacked.
        memory, at = itertools.cycle([direct.buffer(_PIECE) for _ in range(3)]), 0
        while self._store.wait(at):
            piece = next(memory)
            piece = piece[:self._store.file.read(piece, at)]
            if not piece:
                raise Failure("io", f"{self._path} reads back shorter than it was written", path=self._path)
            self.sum.update(piece)
            self._pieces.put(piece)
            at += len(piece)

    def unpack(self):
        for piece in iter(self._pieces.get, None):
            self._store.attempt(self.unpacker.feed, piece)
        self._store.attempt(self._end)

    def _end(self):
        self.unpacker.end()
        if os.pread(self._source, 1, self._at):
            self._differs()

    def _compare(self, block, length):
        # A regular file gives all it has.
        count = os.preadv(self._source, [self._block], self._at)
        whole = count == length == BLOCK
        if not (block == self._block if whole else block[:length] == self._block[:min(count, length)]):
            self._differs()
        self._at += length
        if self._at % _STRETCH == 0:
            # zstd has long gone on: this part of the file is not needed again.
            os.posix_fadvise(self._source, 0, self._at, os.POSIX_FADV_DONTNEED)

    def _differs(self):
        raise Failure("corrupt", f"{self._path}: what it yields is not what was packed", path=self._path)
