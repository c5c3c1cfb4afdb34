#!/usr/bin/python3
"""The agent of the pack "backup": runs on the hosts. See README.md beside it."""

import importlib
import json
import os
import re
import signal
import sys
from types import SimpleNamespace

# The directory this lies in belongs to the user that uploaded it, who must be able to
# remove it when we run as root.
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))

import life  # noqa: E402
import target  # noqa: E402
import tools  # noqa: E402
from failure import Canceled, Failure  # noqa: E402


def text(value):
    return value


def path(value):
    return os.path.abspath(value)


def count(value):
    return int(value)


def size(value):
    found = re.fullmatch(r"(\d+)(\.\d+)?\s*([kmgt]?)(i?b)?", value.strip().lower())
    if not found:
        raise ValueError("a number of bytes, or with k, M, G, T")
    return int(float(found[1] + (found[2] or "")) * 1024 ** " kmgt".index(found[3] or " "))


def moment(value):
    if re.fullmatch(r"\d+(\.\d*)?", value):
        return float(value)
    from datetime import datetime
    at = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", value))
    if at.tzinfo is None:
        raise ValueError("a time with its zone")
    return at.timestamp()


def flag(value):
    known = {"true": True, "1": True, "yes": True, "": True, "false": False, "0": False, "no": False}
    if value.lower() not in known:
        raise ValueError("true or false")
    return known[value.lower()]


def items(value):
    """A list: JSON, Python's notation (what a named argument that is a list becomes),
    or words with commas between them."""
    if value[:1] in "[{":
        try:
            found = json.loads(value)
        except ValueError:
            import ast
            found = ast.literal_eval(value)
        return found if isinstance(found, list) else [found]
    return [word.strip() for word in value.split(",") if word.strip()]


def one_of(*words):
    def check(value):
        if value not in words:
            raise ValueError("one of " + ", ".join(words))
        return value
    return check


REQUIRED = object()
COPY = {"root": (path, REQUIRED), "target": (text, REQUIRED), "source": (target.source_name, REQUIRED), "stamp": (target.stamp_name, REQUIRED)}
PROVIDER = {"provider": (one_of("image", "device", "libvirt", "proxmox"), REQUIRED), "directory": (path, None), "devices": (items, []),
            "uri": (text, "qemu:///system"), "api": (text, None), "node": (text, None), "ca": (path, None)}
RATE = {"rate_limit": (size, 0)}
PRIORITY = {"priority": (one_of("idle", "normal"), "idle")}
SCRATCH = {"scratch": (path, "/var/tmp")}

# What each command calls, and its arguments. A call loads what it needs and no more: for
# a small disk that is a good part of its time.
COMMANDS = {
    "tools": ("tools.report", {}),
    "mount": ("mounts.mount",
              {"kind": (text, REQUIRED), "what": (text, None), "at": (path, REQUIRED), "target": (text, REQUIRED),
               "fs_uuid": (text, None), "options": (text, None)}),
    "initialise": ("target.initialise", {"root": (path, REQUIRED), "target": (text, REQUIRED)}),
    "unmount": ("mounts.unmount", {"at": (path, REQUIRED), "kind": (text, None)}),
    "prepare": ("keeping.prepare", {**COPY, "run": (text, REQUIRED), "estimate": (size, 0)}),
    "list": ("machines.list_machines", {**PROVIDER, "include": (items, []), "exclude": (items, [])}),
    "dump": ("dump.dump", {**COPY, **PROVIDER, **RATE, **PRIORITY, "run": (target.source_name, REQUIRED), "machine": (text, REQUIRED),
                         "level": (count, 0), "base": (target.stamp_name, None), "disks": (items, None), "estimate": (size, 0),
                         "recipients": (items, []), "holding": (path, "/var/tmp"), "state": (path, "/var/lib/squall-backup"),
                         "not_after": (moment, None), "quiesce": (one_of("auto", "agent", "none"), "auto"),
                         "on_base_missing": (one_of("full", "fail"), "full"), "compression_level": (count, 3)}),
    "verify": ("verify.verify", {**COPY, **RATE, **SCRATCH, **PRIORITY, "depth": (one_of("content", "payload"), None)}),
    "compress": ("keeping.compress", {**COPY, **PRIORITY, "level": (count, 3), "threads": (count, 0), "long": (flag, False)}),
    "commit": ("keeping.commit", {**COPY, "verified": (one_of("require", "any"), "require")}),
    "scan": ("keeping.scan", {**COPY, "source": (target.source_name, None), "stamp": (text, None), "brief": (flag, False)}),
    "quarantine": ("keeping.quarantine", {**COPY, "reason": (text, REQUIRED), "alone": (flag, False)}),
    "remove": ("keeping.remove", {**COPY, "stamp": (text, None), "stamps": (items, REQUIRED)}),
    "hold": ("keeping.hold", {**COPY, "reason": (text, ""), "release": (flag, False)}),
    "reap": ("keeping.reap", {**COPY, "source": (target.source_name, None), "stamp": (text, None), "run": (text, None),
                            "older_than": (count, None), "provider": (text, None), "uri": (text, "qemu:///system"),
                            "machine": (text, None), "holding": (path, "/var/tmp"), "state": (path, "/var/lib/squall-backup")}),
    "restore": ("restore.restore", {**COPY, **RATE, **SCRATCH, "to": (path, REQUIRED), "format": (one_of("qcow2", "raw"), "qcow2"),
                                  "disk": (text, None), "overwrite": (flag, False), "dry_run": (flag, False),
                                  "accept_damage": (flag, False)}),
    "files": ("files.files", {**COPY, **RATE, **SCRATCH, "disk": (text, None), "partition": (count, None), "path": (text, "/"), "to": (path, None)}),
    "restic": ("restic.restic", {**RATE, "action": (text, REQUIRED), "repository": (text, REQUIRED), "source": (target.source_name, None),
                               "stamp": (target.stamp_name, None), "paths": (items, []), "exclude": (items, []), "include": (items, []),
                               "subset": (text, "5%"), "daily": (count, 7), "weekly": (count, 4), "monthly": (count, 12),
                               "yearly": (count, 0), "snapshot": (text, None), "to": (path, None), "dry_run": (flag, False)}),
}

# The runner passes on every parameter of an action, also those that only the engine
# looks at; `root` has a second name for people (the runner has a parameter `dir`).
IGNORED = {"host_limit", "target_limit"}
ALIASES = {"dir": "root"}


def parse(words):
    """The command and its arguments, in any order."""
    given, commands = {}, []
    for word in words:
        if not word.startswith("--"):
            commands.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        name = name.replace("-", "_")
        given[ALIASES.get(name, name)] = value if equals else "true"
    if len(commands) != 1 or commands[0] not in COMMANDS:
        raise Failure("usage", f"one command is needed ({', '.join(COMMANDS)}), and arguments as --name=value; got {' '.join(commands) or 'none'}")
    called, known = COMMANDS[commands[0]]
    unknown = sorted(set(given) - set(known) - IGNORED)
    if unknown:
        raise Failure("usage", f"{commands[0]} has no argument {unknown[0]}; it has {', '.join(known)}")
    args = {}
    for name, (read, default) in known.items():
        if given.get(name, "") == "":
            if default is REQUIRED:
                raise Failure("usage", f"{commands[0]} needs --{name}=")
            args[name] = default
            continue
        try:
            args[name] = read(given[name])
        except (ValueError, SyntaxError) as e:
            raise Failure("usage", f"{name}={given[name]!r}: {e}") from None
    module, _, function = called.partition(".")
    return getattr(importlib.import_module(module), function), SimpleNamespace(**args)


def main(words):
    life.watch()
    tools.take_secrets()
    os.umask(0o077)
    try:
        function, args = parse(words)
        if getattr(args, "priority", "") == "idle":
            life.yield_to_others()
        return {"ok": True, **function(args)}, 0
    except Failure as e:
        return {"ok": False, "error": str(e), "kind": e.kind, **e.fields}, 2 if e.kind == "usage" else 1
    except Canceled as e:
        name = signal.Signals(e.signum).name
        return {"ok": False, "error": f"ended by {name}, cleaned up", "kind": "canceled"}, 128 + e.signum
    except OSError as e:
        return {"ok": False, "error": str(e), "kind": "io"}, 1


def say(result):
    """Prints the result; that nobody listens any more changes nothing."""
    try:
        print(json.dumps(result), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    if "--help" in sys.argv[1:] or len(sys.argv) == 1:
        print("usage: backup_agent.py COMMAND --name=value ...\n")
        for command, (_, known) in COMMANDS.items():
            print(command, *(f"{n}=" if d is REQUIRED else f"[{n}=]" for n, (_, d) in known.items()))
        sys.exit(0)
    outcome, status = main(sys.argv[1:])
    say(outcome)
    sys.exit(status)
