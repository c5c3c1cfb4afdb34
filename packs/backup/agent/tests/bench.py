#!/usr/bin/python3
"""Speed of the agent beside the bare tools, in one run:

    bench.py [DIRECTORY] [MIB] [ROUNDS]

Each step is run in turn with its counterpart, nothing of the images is in memory
before, and what is written is on the disk at the end of both. Printed are the best
and the median time of each, what each took of the processors, and the ratio of the
best times (1.00: as fast as the bare tool).
"""

import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from support import call, run


def content(path, mib):
    """A disk as guests have them: a third packed already, a third text, a third empty."""
    rng = random.Random(1)
    with open(path, "wb") as f:
        for i in range(mib):
            if i % 3 == 0:
                f.write(rng.randbytes(1 << 20))
            elif i % 3 == 1:
                lines = b"".join(b"2026-11-%02d host%d sshd[%d]: Accepted publickey for user%d from 10.%d.%d.%d port %d\n" % (
                    rng.randrange(1, 31), rng.randrange(50), rng.randrange(65536), rng.randrange(999), rng.randrange(256), rng.randrange(256),
                    rng.randrange(256), rng.randrange(65536)) for _ in range(2000))
                f.write((lines * 8)[:1 << 20])
            else:
                f.seek(1 << 20, os.SEEK_CUR)
        f.truncate(mib << 20)


def forget(*paths):
    for path in paths:
        for where, _, names in os.walk(path):
            for name in names:
                fd = os.open(os.path.join(where, name), os.O_RDONLY)
                os.fsync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(fd)


def synced(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


class Bench:
    def __init__(self, base):
        self.base, self.taken = base, {}

    def measure(self, name, work):
        forget(self.base)
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        work()
        after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.taken.setdefault(name, []).append((ended - began, cpu))

    def best(self, name):
        return min(t for t, _ in self.taken[name])

    def show(self, pairs):
        print(f"{'':28}{'best s':>8}{'median':>8}{'cpu s':>8}{'ratio':>8}")
        for name, bare in pairs:
            for each in (name, bare):
                times = self.taken[each]
                ratio = f"{self.best(bare) / self.best(name):8.2f}" if each == name else ""
                print(f"{each:28}{self.best(each):8.2f}{statistics.median(t for t, _ in times):8.2f}{min(c for _, c in times):8.2f}{ratio}")


def agent(command, **args):
    status, result = call(command, **args)
    if status:
        raise SystemExit(result["error"])


def main(directory, mib, rounds):
    base = tempfile.mkdtemp(prefix="sqbench-", dir=directory)
    try:
        target, images, out = (os.path.join(base, n) for n in ("target", "images", "out"))
        for path in (target, images, out):
            os.mkdir(path)
        raw, source, bare = os.path.join(base, "raw"), os.path.join(images, "vm1.qcow2"), os.path.join(out, "bare.qcow2")
        content(raw, mib)
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, source)
        os.unlink(raw)
        agent("initialise", root=target, target="bench")
        where = {"root": target, "target": "bench", "source": "vm1", "stamp": "20260101T000000Z"}
        b = Bench(base)

        def convert():
            run("qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", source, bare)
            synced(bare)

        def zstd(*test):
            run("zstd", "-q", "-f", "-3", "-T0", bare, "-o", bare + ".zst")
            synced(bare + ".zst")
            for words in test:
                run("zstd", "-q", words, bare + ".zst")

        for _ in range(rounds):
            agent("prepare", **where, run="bench")
            b.measure("dump", lambda: agent("dump", **where, run="bench", provider="image", directory=images, machine="vm1",
                                            state=os.path.join(base, "state"), holding=base, priority="normal"))
            b.measure("qemu-img convert", convert)
            b.measure("verify", lambda: agent("verify", **where, scratch=base, priority="normal"))
            b.measure("qemu-img compare", lambda: run("qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", source, bare))
            b.measure("compress (and compare)", lambda: agent("compress", **where, priority="normal"))
            b.measure("zstd", zstd)
            b.measure("zstd, zstd -t", lambda: zstd("-t"))
        print(f"{mib} MiB in {directory}, {rounds} rounds, load {os.getloadavg()[0]:.1f}")
        b.show([("dump", "qemu-img convert"), ("verify", "qemu-img compare"), ("compress (and compare)", "zstd"),
                ("compress (and compare)", "zstd, zstd -t")])
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir(), int(sys.argv[2]) if len(sys.argv) > 2 else 1024,
         int(sys.argv[3]) if len(sys.argv) > 3 else 5)
