"""Forks a process for each action, so that none waits for Python to start.

One server runs per environment of a pack, started as

    python -u -X utf8 .../squall_runner/forkserver.py MODULE...

It imports the modules named, as far as they are there, and then does nothing but
fork. Descriptor 3 is a SOCK_SEQPACKET socket; every message is a JSON object.

From the server process:
  {"run": ID, "channel": PATH} with three descriptors: the job's memory file, which is
                    PATH for who has lost its descriptor, stdout, stderr
  {"release": ID}   the process may be forgotten: nobody will signal it any more

To it:
  {"ready": true, "pid": ..., "missing": [MODULE...]}
  {"id": ID, "pid": ...}                     the action's process, which leads a session
  {"id": ID, "error": "..."}                 it could not be forked
  {"id": ID, "code": ...}                    it has ended; -N: by signal N

A process that has ended stays a zombie until it is released, so that its number
means nobody else. The end of the socket ends the fork server and, by the kernel's
hand, every action that still runs.
"""

import gc
import json
import os
import select
import signal
import socket
import sys

DIR = os.path.dirname(os.path.abspath(__file__))
CONTROL = 3


def set_path():
    """Make our modules importable, and not those that only look like them."""
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != DIR]
    sys.path.insert(0, os.path.dirname(DIR))
    sys.path.append(os.path.join(os.path.dirname(os.path.dirname(DIR)), "fallback"))


def preload(names):
    """Import modules; return those that are not there."""
    missing = []
    for name in names:
        try:
            __import__(name)
        except Exception:
            missing.append(name)
    return missing


class ForkServer:
    """The loop and what it remembers of its children."""

    def __init__(self, control):
        self._control = control
        self._pid = os.getpid()
        self._running = {}  # pid -> id
        self._ended = {}  # id -> pid
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._wake, False)
        self._wake_fds = (self._wake, wake)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A signal that somebody sends to the whole group is not for us: the server ends us.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def serve(self):
        """Fork until the server is gone. In a child, return the job's path and its descriptors."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._wake:
                    self._collect()
                    continue
                data, fds, _, _ = socket.recv_fds(self._control, 1 << 12, 3)
                if not data:
                    os._exit(0)
                message = json.loads(data)
                if "run" in message:
                    if self._fork(message["run"], fds):
                        return message["channel"], fds
                    for fd in fds:
                        os.close(fd)
                elif "release" in message:
                    self._release(message["release"])

    def _fork(self, number, fds):
        """Fork; return whether this is the child."""
        del fds
        try:
            pid = os.fork()
        except OSError as error:
            self._send({"id": number, "error": str(error)})
            return False
        if pid == 0:
            self._become_child()
            return True
        self._running[pid] = number
        self._send({"id": number, "pid": pid})
        return False

    def _become_child(self):
        from squall_runner.process import die_with_parent

        os.setsid()
        die_with_parent(self._pid)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._control.close()
        for fd in self._wake_fds:
            os.close(fd)

    def _collect(self):
        try:
            os.read(self._wake, 4096)
        except BlockingIOError:
            pass
        for pid, number in list(self._running.items()):
            info = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if info is None:
                continue
            del self._running[pid]
            self._ended[number] = pid
            code = info.si_status if info.si_code == os.CLD_EXITED else -info.si_status
            self._send({"id": number, "code": code})

    def _release(self, number):
        pid = self._ended.pop(number, None)
        if pid is not None:
            os.waitpid(pid, 0)

    def _send(self, message):
        try:
            self._control.send(json.dumps(message).encode())
        except OSError:
            os._exit(0)  # the server is gone


def main():
    set_path()
    from squall_runner.process import die_with_parent

    die_with_parent()
    control = socket.socket(fileno=CONTROL)
    control.set_inheritable(False)
    from squall_runner import action, ending

    missing = preload(sys.argv[1:])
    server = ForkServer(control)
    before = ending.Modules()  # not in a child: that would copy the pages of all their names
    gc.collect()
    gc.disable()
    gc.freeze()  # children do not touch, and so not copy, what is there now
    server._send({"ready": True, "pid": os.getpid(), "missing": missing})

    path, (job, out, err) = server.serve()
    # From here on this is an action's process.
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    gc.enable()
    channel = action.Channel(job, path)
    ending.end(action.run(channel.read_job(), channel), before)


if __name__ == "__main__":
    main()
