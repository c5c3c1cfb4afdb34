"""Runs one action: the child of the fork server, or a process of its own.

The job comes as JSON in a file (a memory file of the server's) and the outcome goes
back into the same file. While the action runs nothing of ours stands between it and
its stdin, stdout and stderr; what it prints is what the server reads.

The job:
  file: the entry point; pack, user: whose it is
  parameters: the arguments of run(); config: the pack's configuration or null
  log_level: of self.logger; env: the whole environment; cwd: "" or a directory
  path: directories for the front of sys.path; parent: context of a parent execution
  memory: limit in bytes, 0 without; server: the server's process id

The outcome is eight bytes of length, then a letter and a JSON value: t, f or n with
the result, for status True, False or none; p with a text that says what is wrong.
Without an outcome the action has ended otherwise: an exception, an exit.
"""

import json
import math
import os
import signal
import sys

from squall_runner import loading
from st2common.runners import action_service, utils
from st2common.util import jsonify

__all__ = ["Channel", "run"]

BAD_STATUS = """Status returned from the action run() method must either be True or False, got: %s
If this is an existing action which returns a tuple with two items, it needs to be updated to
either:

1. Return a list instead of a tuple
2. Return a tuple where a first items is a status flag - (True, ('item1', 'item2'))

For more information, please see: https://docs.stackstorm.com/upgrade_notes.html#st2-v1-6"""


class Channel:
    """The memory file that holds the job and takes the outcome."""

    def __init__(self, fd, path):
        self._fd = fd
        self._path = path
        info = os.fstat(fd)
        self._identity = (info.st_dev, info.st_ino)

    def read_job(self):
        """Return the job."""
        chunks, at = [], 0
        while True:
            chunk = os.pread(self._fd, 1 << 20, at)
            if not chunk:
                break
            chunks.append(chunk)
            at += len(chunk)
        return json.loads(b"".join(chunks))

    def write(self, outcome):
        """Write the outcome in the place of the job."""
        text = outcome.encode()
        fd = self._open()
        os.ftruncate(fd, 0)
        view = memoryview(len(text).to_bytes(8, "big") + text)
        at = 0
        while at < len(view):
            at += os.pwrite(fd, view[at:], at)

    def _open(self):
        # An action may close descriptors it does not know, and open others under
        # their numbers. The file is still open where it was made, so it has a path.
        try:
            info = os.fstat(self._fd)
            if (info.st_dev, info.st_ino) == self._identity:
                return self._fd
        except OSError:
            pass
        return os.open(self._path, os.O_RDWR | os.O_CLOEXEC)


def prepare(job):
    """Give the process the environment of the job."""
    _set_environment(job["env"])
    sys.argv = _arguments(job)
    if job.get("cwd"):
        os.chdir(job["cwd"])
    if job.get("memory"):
        from squall_runner.process import limit_memory

        limit_memory(job["memory"])
    sys.path[:0] = [p for p in job["path"] if p not in sys.path]


def _set_environment(env):
    # Most of it is the server's and there already; setting it again takes longer
    # than everything else here.
    for name in [name for name in os.environ if name not in env]:
        del os.environ[name]
    for name, value in env.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _arguments(job):
    # What actions see of StackStorm's wrapper; they are no arguments of ours.
    return [
        "python_action_wrapper.py",
        "--pack=%s" % job["pack"],
        "--file-path=%s" % job["file"],
        "--user=%s" % job["user"],
        "--parent-args=%s" % json.dumps(job.get("parent") or []),
        "--parameters=%s" % json.dumps(job["parameters"]),
        "--config=%s" % json.dumps(job.get("config") or {}),
    ]


def run(job, channel):
    """Run the action and return the exit status of the process."""
    try:
        prepare(job)
        cls = loading.load_action_class(job["file"])
        service = action_service.ActionService(
            pack=job["pack"],
            class_name=cls.__name__,
            logger=utils.get_logger_for_python_runner_action(cls.__name__, job["log_level"]),
            log_level=job["log_level"],
            auth_token=job["env"].get("ST2_ACTION_AUTH_TOKEN"),
            api_url=job["env"].get("ST2_ACTION_API_URL"),
        )
        config = utils.PackConfigDict(job["pack"], job["config"] or {})
        action = utils.get_action_class_instance(cls, config=config, action_service=service)
        outcome = outcome_of(action.run(**job["parameters"]))
        del action
        if getattr(sys.stdout, "closed", False) and sys.stdout is sys.__stdout__:
            raise ValueError("I/O operation on closed file")  # st2
        channel.write(outcome)
        return 0
    except SystemExit as error:
        return _exit_status(error)
    except BaseException as error:
        loading.own_frames_removed(error)
        _report(error)
        if isinstance(error, KeyboardInterrupt):
            _end_by(signal.SIGINT)
        return 1


def outcome_of(output):
    """Return what run() returned as an outcome."""
    status = None
    if isinstance(output, tuple) and len(output) == 2:
        status, output = output
        if not (status is None or isinstance(status, bool)):
            return "p" + json.dumps(BAD_STATUS % (status,))
    return {True: "t", False: "f", None: "n"}[status] + encoded(output)


def encoded(value):
    """Return value in JSON, what JSON cannot express as the text that Python shows for it.

    NaN and infinities are null, as with the original's encoder.
    """
    try:
        text = json.dumps(value, default=jsonify.default)
        if "\\ud" in text:
            json.dumps(json.loads(text), ensure_ascii=False).encode()  # a lone surrogate is no text
        if "NaN" in text or "Infinity" in text:
            text = json.dumps(_finite(json.loads(text)))
        return text
    except (TypeError, ValueError, RecursionError):
        return json.dumps(repr(value).encode("utf-8", "backslashreplace").decode())


def _finite(value):
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return value


def _report(error):
    try:
        sys.excepthook(type(error), error, error.__traceback__)
        sys.stderr.flush()
    except Exception:
        pass  # the action has closed stderr


def _exit_status(error):
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    try:
        sys.stderr.write("%s\n" % (code,))
        sys.stderr.flush()
    except Exception:
        pass
    return 1


def _end_by(number):
    import atexit

    atexit._run_exitfuncs()
    sys.stdout.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
