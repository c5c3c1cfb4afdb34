"""What the tests of the agent share: the agent as a command, images, targets."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

AGENT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "backup_agent.py")
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(AGENT), os.path.join(os.path.dirname(AGENT), "lib")]

MIB = 1 << 20
STAMPS = [f"202601{day:02}T010000Z" for day in range(1, 29)]


def words(command, args):
    given = []
    for name, value in args.items():
        if value is True:
            given.append(f"--{name}")
        elif value is not None and value is not False:
            given.append(f"--{name}={value if isinstance(value, (str, int, float)) else json.dumps(value)}")
    return [AGENT, command, *given]


def call(command, /, env=None, search=None, **args):
    """Runs the agent as a program; returns its exit status and result. env is added to
    its environment, search is its PATH."""
    environ = dict(os.environ, **(env or {}))
    if search:
        environ["PATH"] = search
    done = subprocess.run(words(command, args), capture_output=True, text=True, env=environ, timeout=300, check=False)
    try:
        result = json.loads(done.stdout)
    except ValueError:
        raise AssertionError(f"{command}: status {done.returncode}, no JSON: {done.stdout!r} {done.stderr!r}") from None
    assert result["ok"] == (done.returncode == 0), (done.returncode, result)
    return done.returncode, result


def call_here(command, /, **args):
    """The same in this process, which is many times cheaper: no signals, no secrets."""
    import backup_agent
    import tools
    from failure import Failure
    before = os.umask(0o077)
    try:
        tools.secrets.update({name: os.environ.get(name) for name in tools._SECRETS})
        function, parsed = backup_agent.parse(words(command, args)[1:])
        result, status = {"ok": True, **function(parsed)}, 0
    except Failure as e:
        result, status = {"ok": False, "error": str(e), "kind": e.kind, **e.fields}, 1
    finally:
        os.umask(before)
    return status, json.loads(json.dumps(result))


def run(*args, **more):
    return subprocess.run(args, check=True, capture_output=True, text=True, **more).stdout


def roomy(directory):
    """The directory if it has room for the tests, else None (the default one)."""
    try:
        v = os.statvfs(directory)
    except OSError:
        return None
    return directory if v.f_bavail * v.f_frsize > 1 << 30 and os.access(directory, os.W_OK) else None


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def reference_digest(path, fmt):
    """The digest as the README defines it, written without the agent's code."""
    with tempfile.TemporaryDirectory() as d:
        raw = os.path.join(d, "raw")
        run("qemu-img", "convert", "-U", "-f", fmt, "-O", "raw", path, raw)
        text = [f"{os.path.getsize(raw)}\n"]
        with open(raw, "rb") as f:
            index = 0
            while True:
                block = f.read(MIB)
                if not block:
                    break
                if block.strip(b"\0"):
                    text.append(f"{index} {hashlib.sha256(block).hexdigest()}\n")
                index += 1
    return "sha256:" + hashlib.sha256("".join(text).encode()).hexdigest()


def tree(root):
    """Everything below a directory, to compare."""
    found = {}
    for where, dirs, names in os.walk(root):
        for name in dirs + names:
            path = os.path.join(where, name)
            s = os.lstat(path)
            found[os.path.relpath(path, root)] = (s.st_mode, s.st_size, s.st_mtime_ns)
    return found


class AgentCase(unittest.TestCase):
    """A target, a directory for images, and working directories, all fresh."""

    call = staticmethod(call_here)

    def setUp(self):
        # In memory when there is room: waiting for a busy disk proves nothing here.
        self.base = tempfile.mkdtemp(prefix="sqtest-", dir=roomy("/dev/shm"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        os.chmod(self.base, 0o755)
        self.root, self.images = self.dir("target"), self.dir("images")
        self.holding, self.scratch, self.out = self.dir("holding"), self.dir("scratch"), self.dir("out")
        self.state = os.path.join(self.base, "state")
        self.good("initialise", root=self.root, target="nas1")
        self.next_stamp = iter(STAMPS)

    def dir(self, name):
        path = os.path.join(self.base, name)
        os.mkdir(path)
        return path

    def good(self, command, /, **args):
        status, result = self.call(command, **args)
        self.assertEqual(status, 0, result)
        return result

    def bad(self, command, kind, /, **args):
        status, result = self.call(command, **args)
        self.assertEqual((status != 0, result.get("kind")), (True, kind), result)
        return result

    def image(self, name="vm1", size="64M", *writes, fmt="qcow2"):
        path = os.path.join(self.images, f"{name}.{fmt}")
        run("qemu-img", "create", "-q", "-f", fmt, path, size)
        self.write(path, *(writes or ("write -P 0xaa 0 8M", "write -P 0x55 30M 3M")), fmt=fmt)
        return path

    def write(self, path, *commands, fmt="qcow2"):
        run("qemu-io", "-f", fmt, *[w for c in commands for w in ("-c", c)], path)

    def where(self, source, stamp):
        return {"root": self.root, "target": "nas1", "source": source, "stamp": stamp}

    def dump_args(self, source, stamp, **more):
        return {**self.where(source, stamp), "run": "run1", "provider": "image", "directory": self.images, "machine": source,
                "holding": self.holding, "state": self.state, **more}

    def dump(self, source="vm1", **more):
        """prepare and dump; returns the stamp and the result."""
        stamp = more.pop("stamp", None) or next(self.next_stamp)
        self.good("prepare", **self.where(source, stamp), run="run1")
        return stamp, self.good("dump", **self.dump_args(source, stamp, **more))

    def copy(self, source="vm1", compress=True, **more):
        """A whole run, up to the commit."""
        stamp, result = self.dump(source, **more)
        where = self.where(source, stamp)
        env = more.get("env")
        self.good("verify", **where, scratch=self.scratch, env=env)
        if compress:
            self.good("compress", **where)
        self.good("commit", **where)
        return stamp, result

    def path(self, source, stamp, *names, suffix=""):
        return os.path.join(self.root, source, stamp + suffix, *names)

    def same(self, a, b, fmt_a="qcow2", fmt_b="qcow2"):
        done = subprocess.run(["qemu-img", "compare", "-f", fmt_a, "-F", fmt_b, a, b], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def nothing_left(self):
        """No work files, no processes of ours on the images, no image locked."""
        self.assertEqual(os.listdir(self.holding), [])
        self.assertEqual(os.listdir(self.scratch), [])
        for name in os.listdir(self.images):
            until(lambda name=name: not users_of(os.path.join(self.images, name)), f"{name} is no longer open")


def users_of(path):
    """The processes that have a file open."""
    found, want = [], os.stat(path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    s = os.stat(f"/proc/{pid}/fd/{fd}")
                    if (s.st_dev, s.st_ino) == (want.st_dev, want.st_ino):
                        found.append(int(pid))
    return found
