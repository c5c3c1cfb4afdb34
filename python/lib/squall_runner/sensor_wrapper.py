"""Runs one sensor and speaks JSON lines with the server.

The server starts it with the pack's Python as

    python -u -X utf8 .../squall_runner/sensor_wrapper.py

and talks to it on stdin and stdout: one JSON object per line, UTF-8, with a member
"type". What the sensor itself prints goes to stderr, wherever it thinks it prints.

From the server:

  {"type": "start", "pack": "linux", "class_name": "FileWatch", "file_path": "/.../sensors/file_watch.py",
   "config": {...}, "poll_interval": 30 or null, "triggers": [TRIGGER...], "lib_paths": [DIR...],
   "log_level": "INFO"}
      The first line. triggers are those that rules use now; lib_paths (may be absent)
      go to the front of sys.path. poll_interval counts for polling sensors only.
  {"type": "trigger", "event": "added" | "updated" | "removed", "trigger": TRIGGER}
      TRIGGER is the trigger as the API shows it: id, ref, pack, name, type, parameters.
  {"type": "reply", "id": 7, "value": ...}   or   {"type": "reply", "id": 7, "error": "text"}
      The answer to a dispatch or a call. An error is raised in the sensor.
  {"type": "stop"}
      Tidy up and end. The end of stdin and SIGTERM mean the same.

To the server:

  {"type": "ready"}
      setup() is done and the triggers of "start" were added.
  {"type": "dispatch", "id": 7, "trigger": "linux.file_watch.line", "payload": {...},
   "trace_context": {"trace_tag": "..."} or null}
      The sensor waits for the reply: when it comes, the event is stored. trigger is a
      reference, or an object with pack, name or type, and parameters.
  {"type": "call", "id": 8, "method": "get_value", "arguments": {"name": "linux.FileWatch:pos", "decrypt": false}}
      Methods: get_value (name, decrypt -> text or null), set_value (name, value, ttl or
      null, encrypt -> true), delete_value (name -> true), list_values (prefix, limit or
      null -> list of {"name", "value"}), get_user_info (-> object). Names are complete,
      the scope is system.
  {"type": "log", "level": "INFO", "logger": "FileWatch.poll", "message": "..."}
      A traceback is part of the message.
  {"type": "failed", "stage": "load" | "setup" | "trigger" | "run", "error": "ValueError: ...", "traceback": "..."}
      The last line of a sensor that ends with exit status 1. A run() that returns has
      failed too: a sensor never ends by itself.
  {"type": "stopped"}
      The last line after a stop; cleanup() is done. Exit status 0.

A line the wrapper does not understand is ignored, so that the server may learn more.
"""

import _thread
import collections
import json
import logging
import os
import signal
import sys
import time
import traceback

# The originals: a sensor may replace them by eventlet's while it is loaded.
_new_lock = _thread.allocate_lock
_start_thread = _thread.start_new_thread
_write = os.write
_sleep = time.sleep

DIR = os.path.dirname(os.path.abspath(__file__))


class Link:
    """The lines to and from the server."""

    def __init__(self, source, sink):
        self._source = source
        self._sink = sink
        self._writing = _new_lock()
        self._counting = _new_lock()
        self._last = 0
        self._waiting = {}  # id -> (lock that is released by the reply, list for the reply)

    def send(self, message):
        """Write one line, whole."""
        line = json.dumps(message, default=_as_text).encode("utf-8", "replace") + b"\n"
        with self._writing:
            while line:
                line = line[_write(self._sink, line) :]

    def ask(self, message):
        """Send message, wait for the reply, return its value; an error in it is raised."""
        done, reply = _new_lock(), []
        done.acquire()
        with self._counting:
            self._last += 1
            message["id"] = self._last
            self._waiting[self._last] = (done, reply)
        self.send(message)
        done.acquire()
        if reply[0].get("error"):
            raise Exception(reply[0]["error"])
        return reply[0].get("value")

    def lines(self):
        """Yield what the server says, but for replies, which wake who waits for them."""
        for line in self._source:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if not isinstance(message, dict):
                continue
            if message.get("type") != "reply":
                yield message
                continue
            done, reply = self._waiting.pop(message.get("id"), (None, None))
            if done is not None:
                reply.append(message)
                done.release()


def _as_text(value):
    from st2common.util import jsonify

    try:
        return jsonify.default(value)
    except TypeError:
        return str(value)


class _NoLock:
    """Stands where logging wants a lock."""

    def acquire(self, *_args):
        return True

    def release(self):
        return None

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None


class _LogLines(logging.Handler):
    """Sends log records as lines."""

    def __init__(self, link):
        super().__init__()
        self._link = link

    def createLock(self):  # noqa: N802 - logging's name
        self.lock = _NoLock()  # a line is written whole anyway, and a green lock might never wake

    def emit(self, record):
        try:
            self._link.send(
                {"type": "log", "level": record.levelname, "logger": record.name, "message": self.format(record)}
            )
        except Exception:
            self.handleError(record)


class DatastoreService:
    """The datastore, through the server."""

    DATASTORE_NAME_SEPARATOR = ":"
    SYSTEM_SCOPE = "system"

    def __init__(self, link, pack, class_name):
        self._link = link
        self._prefix = "%s.%s:" % (pack, class_name)

    def get_user_info(self):
        """Return who the sensor acts as."""
        return self._call("get_user_info")

    def list_values(self, local=True, limit=None, prefix=None):
        """Return the pairs whose names begin with prefix."""
        from st2client.models import KeyValuePair

        prefix = (self._prefix if local else "") + (prefix or "")
        return [KeyValuePair(id=p["name"], **p) for p in self._call("list_values", prefix=prefix, limit=limit)]

    def get_value(self, name, local=True, scope="system", decrypt=False):
        """Return the text stored under name, None when there is none."""
        return self._call("get_value", name=self._full(name, local, scope), decrypt=bool(decrypt))

    def set_value(self, name, value, ttl=None, local=True, scope="system", encrypt=False):
        """Store str(value) under name, for ttl seconds when given."""
        name = self._full(name, local, scope)
        return self._call("set_value", name=name, value=str(value), ttl=ttl, encrypt=bool(encrypt))

    def delete_value(self, name, local=True, scope="system"):
        """Delete what is stored under name."""
        return self._call("delete_value", name=self._full(name, local, scope))

    def get_api_client(self):
        """Return a client of the API."""
        from st2client.client import Client

        return Client()

    def _full(self, name, local, scope):
        if scope != self.SYSTEM_SCOPE:
            raise ValueError("Scope %s is unsupported." % scope)
        return self._prefix + name if local else name

    def _call(self, method, **arguments):
        return self._link.ask({"type": "call", "method": method, "arguments": arguments})


class SensorService:
    """What a sensor finds as self.sensor_service."""

    def __init__(self, link, pack, class_name):
        self._link = link
        self._class_name = class_name
        self.datastore_service = DatastoreService(link, pack, class_name)
        for name in ("get_user_info", "list_values", "get_value", "set_value", "delete_value"):
            setattr(self, name, getattr(self.datastore_service, name))

    def get_logger(self, name):
        """Return a logger whose lines the server keeps."""
        return logging.getLogger("%s.%s" % (self._class_name, name))

    def dispatch(self, trigger, payload=None, trace_tag=None):
        """Tell the server that trigger has happened. It is stored when this returns."""
        self.dispatch_with_context(trigger, payload, {"trace_tag": trace_tag} if trace_tag else None)

    def dispatch_with_context(self, trigger, payload=None, trace_context=None):
        """See dispatch; trace_context is a dict with id_ or trace_tag, or an object with them."""
        if trace_context is not None and not isinstance(trace_context, dict):
            trace_context = {k: v for k, v in vars(trace_context).items() if v is not None}
        self._link.ask(
            {"type": "dispatch", "trigger": trigger, "payload": payload, "trace_context": trace_context}
        )


class Wrapper:
    """One sensor's life."""

    def __init__(self, link, start):
        self._link = link
        self._start = start
        self._ending = _new_lock()
        self._events = collections.deque()
        self._some = _new_lock()
        self._some.acquire()
        self._sensor = None
        self._stage = "load"

    def live(self):
        """Load, set up, run. Never returns."""
        try:
            self._sensor = self._load()
            self._stage = "setup"
            self._sensor.setup()
            self._stage = "trigger"
            for trigger in self._start.get("triggers") or []:
                self._sensor.add_trigger(trigger)
            self._link.send({"type": "ready"})
            _start_thread(self._handle_events, ())
            self._stage = "run"
            self._sensor.run()
            self.fail(Exception("the method run() has returned; a sensor must go on until it is stopped"))
        except BaseException as error:
            self.fail(error)

    def _load(self):
        from squall_runner.loading import load_module
        from st2reactor.sensor.base import PollingSensor

        start = self._start
        module = load_module(start["file_path"])
        cls = getattr(module, start["class_name"], None)
        if cls is None:
            raise Exception('there is no class "%s" in %s' % (start["class_name"], start["file_path"]))
        service = SensorService(self._link, start["pack"], start["class_name"])
        arguments = {"sensor_service": service, "config": _config(start)}
        if start.get("poll_interval") and issubclass(cls, PollingSensor):
            arguments["poll_interval"] = start["poll_interval"]
        return cls(**arguments)

    def listen(self):
        """Read what the server says until it has nothing more to say; then stop."""
        for message in self._link.lines():
            kind = message.get("type")
            if kind == "trigger":
                self._events.append(message)
                if self._some.locked():
                    self._some.release()
            elif kind == "stop":
                break
        self.stop()

    def _handle_events(self):
        handlers = {
            "added": self._sensor.add_trigger,
            "updated": self._sensor.update_trigger,
            "removed": self._sensor.remove_trigger,
        }
        while True:
            self._some.acquire()
            while self._events:
                message = self._events.popleft()
                handler = handlers.get(message.get("event"))
                try:
                    if handler is not None:
                        handler(message["trigger"])
                except BaseException as error:
                    self._stage = "trigger"
                    self.fail(error)

    def stop(self):
        """Let the sensor tidy up and end the process."""
        if not self._ending.acquire(False):
            return
        status = 0
        try:
            if self._sensor is not None:
                self._sensor.cleanup()
        except BaseException as error:
            status = 1
            self._tell(error, "cleanup")
        else:
            self._tell_last({"type": "stopped"})
        self._exit(status)

    def fail(self, error):
        """Report error and end the process."""
        if not self._ending.acquire(False):
            _sleep(60)  # it is ending already, in another thread
            return
        self._tell(error, self._stage)
        self._exit(1)

    def _tell(self, error, stage):
        from squall_runner.loading import own_frames_removed

        own_frames_removed(error)
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self._tell_last(
            {
                "type": "failed",
                "stage": stage,
                "error": ("%s: %s" % (type(error).__name__, error)).rstrip(": "),
                "traceback": text,
            }
        )

    def _tell_last(self, message):
        try:
            self._link.send(message)
        except OSError:
            pass  # nobody listens any more

    @staticmethod
    def _exit(status):
        try:
            sys.stderr.flush()
        finally:
            os._exit(status)  # threads of the sensor must not keep the process


def _config(start):
    from st2common.runners.utils import PackConfigDict

    return PackConfigDict(start["pack"], start.get("config") or {})


def main():
    # The program's own lines leave on a private descriptor: a sensor that prints,
    # or a program it starts, must not get between them.
    source = os.fdopen(os.dup(0), "rb")
    sink = os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)

    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != DIR]
    sys.path.insert(0, os.path.dirname(DIR))
    sys.path.append(os.path.join(os.path.dirname(os.path.dirname(DIR)), "fallback"))
    from squall_runner.process import die_with_parent

    die_with_parent()
    link = Link(source, sink)
    start = next((m for m in link.lines() if m.get("type") == "start"), None)
    if start is None:
        return  # the server went away before it began
    sys.path[:0] = [p for p in start.get("lib_paths") or [] if p not in sys.path]
    root = logging.getLogger()
    root.addHandler(_LogLines(link))
    level = logging.getLevelName(str(start.get("log_level") or "INFO").upper())
    root.setLevel(level if isinstance(level, int) else logging.INFO)

    wrapper = Wrapper(link, start)
    signal.signal(signal.SIGTERM, lambda *_: wrapper.stop())
    _start_thread(wrapper.listen, ())
    wrapper.live()


if __name__ == "__main__":
    main()
