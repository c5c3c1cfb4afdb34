"""Programs of the host: which package brings them, how they are started."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading

from failure import Failure
import life

AGENT = "1"

# Debian's packages, and what each is asked for.
PACKAGES = {
    "qemu-img": ("qemu-utils", "images"),
    "qemu-nbd": ("qemu-utils", "images"),
    "python3-libnbd": ("python3-libnbd", "images"),
    "zstd": ("zstd", "compression, lists of blocks"),
    "libzstd": ("libzstd1", "compression"),
    "age": ("age", "encryption"),
    "restic": ("restic", "restic repositories"),
    "virsh": ("libvirt-clients", "machines of libvirt"),
    "debugfs": ("e2fsprogs", "files out of a copy"),
    "sfdisk": ("fdisk", "files out of a copy"),
    "mount": ("mount", "mounting"),
    "umount": ("mount", "unmounting"),
    "blkid": ("util-linux", "checking the file system's UUID"),
    "mount.nfs": ("nfs-common", "mounting NFS"),
    "sshfs": ("sshfs", "mounting over SSH"),
    "setpriv": ("util-linux", "ending children with us"),
    "ionice": ("util-linux", "low priority"),
}

# Never handed to a child that does not need it, never on a command line.
_SECRETS = ("BACKUP_IDENTITIES", "RESTIC_PASSWORD", "PROXMOX_TOKEN")
secrets = {}

_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"


def take_secrets():
    """Moves the secrets out of the environment that children inherit."""
    for name in _SECRETS:
        secrets[name] = os.environ.pop(name, None)


def missing(tool):
    package, purpose = PACKAGES[tool]
    return Failure("missing-tool", f"{tool} is not installed, it is needed for {purpose}: apt-get install {package}",
                   tool=tool, package=package)


def need(tool):
    """The path of a program."""
    found = shutil.which(tool, path=_PATH)
    if not found:
        raise missing(tool)
    return found


def libnbd():
    """The module of python3-libnbd."""
    try:
        import nbd
    except ImportError:
        raise missing("python3-libnbd") from None
    return nbd


def environment(extra=None):
    env = dict(os.environ, LC_ALL="C", PATH=_PATH)
    env.update(extra or {})
    return env


def run(*args, kind="failed", check=True, env=None, input=None, timeout=None):
    """Runs a program to its end; its output is text. A status other than 0 is a
    Failure of that kind with the program's last words. It ends when we do."""
    p = start(*args, env=env, stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    try:
        out, err = p.communicate(input, timeout)
    except subprocess.TimeoutExpired:
        raise Failure(kind, f"{args[0]} did not end within {timeout} s") from None
    finally:
        _end(p)
    if check and p.returncode != 0:
        raise Failure(kind, f"{args[0]}: {last_words(err) or 'status %d' % p.returncode}")
    return subprocess.CompletedProcess(args, p.returncode, out, err)


def _end(p):
    """Ends a program that still runs: first it is asked, so that it can tidy up."""
    if p.poll() is None:
        p.terminate()
        try:
            p.wait(2)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    for pipe in (p.stdin, p.stdout, p.stderr):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()


def run_whole(*args):
    """Runs a program that nothing but KILL ends halfway: one that changes an image
    which is not ours."""
    with life.shield():
        return subprocess.run(["sh", "-c", "trap '' TERM INT HUP; exec \"$@\"", "sh", need(args[0]), *args[1:]], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment())


def start(*args, env=None, **more):
    """Starts a program that ends with us even when we are killed. Call it from the
    main thread only: the kernel watches the thread that started the child."""
    words = [need("setpriv"), "--pdeathsig", "TERM", "--", need(args[0]), *args[1:]]
    return subprocess.Popen(words, env=environment(env), **more)


def last_words(text):
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return " / ".join(lines[-3:])


_ASK = {"qemu-img": ["--version"], "zstd": ["--version"], "age": ["--version"], "restic": ["version"], "virsh": ["--version"]}


def version(tool):
    """The version of an installed program, or None."""
    if tool == "python3-libnbd":
        try:
            return libnbd().NBD().get_version()
        except Failure:
            return None
    if tool == "libzstd":
        import unzstd
        return unzstd.version()
    path = shutil.which(tool, path=_PATH)
    if not path or tool not in _ASK:
        return "installed" if path else None
    said = subprocess.run([path, *_ASK[tool]], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found.group(0) if found else "installed"


def ask_versions(*names):
    """Asks several programs while other work goes on; the value is a function that waits
    for the answers, and returns them by name."""
    found = {}
    asking = threading.Thread(target=lambda: found.update({name: version(name) for name in names}), daemon=True)
    asking.start()

    def answers():
        asking.join()
        return found
    return answers


def report(_args):
    versions = {tool: version(tool) for tool in PACKAGES}
    return {
        "agent": AGENT, "python": "%d.%d.%d" % sys.version_info[:3],
        "tools": versions,
        "missing": [{"tool": tool, "package": PACKAGES[tool][0], "for": PACKAGES[tool][1]}
                    for tool, found in versions.items() if found is None],
    }
