#!/usr/bin/python3
"""Speed of the agent beside the bare tools, in one run:

    bench.py [DIRECTORY] [MIB] [ROUNDS]

Each step is run in turn with its counterparts, nothing of the images is in memory
before, and what is written is on the disk at the end of all. Printed are the best
and the median time of each, what each took of the processors, and the ratios of the
best times and of the processor times (1.00: as good as the bare tool).

There are two kinds of counterparts: the tool alone, which does less than the agent does, and
what one would type to get the same: a copy and a digest of what was read; a
compressed file that is read back from the disk and compared, and its digest.
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


def forget(path):
    """Takes a file, or all files below a directory, out of memory."""
    files = [path] if os.path.isfile(path) else [os.path.join(where, name) for where, _, names in os.walk(path) for name in names]
    for file in files:
        fd = os.open(file, os.O_RDONLY)
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

    def cpu(self, name):
        return min(c for _, c in self.taken[name])

    def show(self, pairs):
        print(f"{'':36}{'best s':>8}{'median':>8}{'cpu s':>8}{'ratio':>8}{'cpu':>8}")
        for name, others in pairs:
            for each in (name, *others):
                times = self.taken[each]
                ratios = "" if each == name else f"{self.best(each) / self.best(name):8.2f}{self.cpu(each) / self.cpu(name):8.2f}"
                print(f"{each:36}{self.best(each):8.2f}{statistics.median(t for t, _ in times):8.2f}{self.cpu(each):8.2f}{ratios}")


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

        def convert_and_digest():
            convert()
            run("openssl", "dgst", "-sha256", source)

        def zstd():
            run("zstd", "-q", "-f", "-3", "-T0", bare, "-o", bare + ".zst")
            synced(bare + ".zst")

        def zstd_and_test():
            zstd()
            run("zstd", "-q", "-t", bare + ".zst")

        def zstd_and_compare():
            zstd()
            forget(bare + ".zst")
            run("sh", "-c", 'zstd -q -d -c "$1.zst" | cmp - "$1"', "sh", bare)
            run("openssl", "dgst", "-sha256", bare + ".zst")

        for _ in range(rounds):
            agent("prepare", **where, run="bench")
            b.measure("dump", lambda: agent("dump", **where, run="bench", provider="image", directory=images, machine="vm1",
                                            state=os.path.join(base, "state"), holding=base, priority="normal"))
            b.measure("qemu-img convert", convert)
            b.measure("qemu-img convert; sha256", convert_and_digest)
            b.measure("verify", lambda: agent("verify", **where, scratch=base, priority="normal"))
            b.measure("qemu-img compare", lambda: run("qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", source, bare))
            b.measure("compress", lambda: agent("compress", **where, priority="normal"))
            b.measure("zstd", zstd)
            b.measure("zstd; zstd -t", zstd_and_test)
            b.measure("zstd; zstd -d | cmp; sha256", zstd_and_compare)
        print(f"{mib} MiB in {directory}, {rounds} rounds, load {os.getloadavg()[0]:.1f}")
        b.show([("dump", ["qemu-img convert", "qemu-img convert; sha256"]), ("verify", ["qemu-img compare"]),
                ("compress", ["zstd", "zstd; zstd -t", "zstd; zstd -d | cmp; sha256"])])
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir(), int(sys.argv[2]) if len(sys.argv) > 2 else 1024,
         int(sys.argv[3]) if len(sys.argv) > 3 else 5)
