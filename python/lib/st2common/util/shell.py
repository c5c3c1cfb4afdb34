"""Commands of the system."""

import shlex
import subprocess

__all__ = ["run_command", "kill_process", "quote_unix", "quote_windows"]


def run_command(
    cmd,
    stdin=None,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    shell=False,
    cwd=None,
    env=None,
    close_fds=None,
):
    """Run cmd, a list or with shell=True a line, and return (exit code, stdout, stderr)."""
    if not isinstance(cmd, (list, tuple, str)):
        raise TypeError("Command must be a type of list, tuple, or string, not '%s'." % type(cmd))
    options = {"close_fds": close_fds} if close_fds is not None else {}
    process = subprocess.Popen(
        cmd, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, shell=shell, **options
    )
    out, err = process.communicate()
    return process.returncode, _text(out), _text(err)


def _text(data):
    return data.decode("utf-8", errors="replace") if isinstance(data, bytes) else data


def kill_process(process):
    """Kill a process and its group; return the exit code of kill."""
    return run_command(["pkill", "-TERM", "-s", str(process.pid)])[0]


def quote_unix(value):
    """Return value as one word of a shell's command line."""
    return shlex.quote(value)


def quote_windows(value):
    """Return value as one argument of a Windows program."""
    return subprocess.list2cmdline([value])


def on_parent_exit(_signame):
    """Return nothing to do before a child starts: the runner ends whole process trees."""
    return None


