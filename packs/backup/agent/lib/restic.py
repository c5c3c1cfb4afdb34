"""A restic repository as the store: for directories, and for whom it suits."""

import json

from failure import Failure
import tools

_INCOMPLETE = 3  # restic: some source files could not be read


def restic(args):
    actions = {"init": _init, "backup": _backup, "check": _check, "forget": _forget, "snapshots": _snapshots, "restore": _restore}
    if args.action not in actions:
        raise Failure("usage", f"action {args.action!r}: one of {', '.join(actions)}")
    if not tools.secrets.get("RESTIC_PASSWORD"):
        raise Failure("usage", "RESTIC_PASSWORD is not in the environment")
    return actions[args.action](args)


def _run(args, *words, check=True):
    done = tools.run("restic", "-r", _need(args, "repository"), *words, check=False, env={"RESTIC_PASSWORD": tools.secrets["RESTIC_PASSWORD"]})
    if not check or done.returncode == 0:
        return done
    raise _problem(done)


def _problem(done):
    said = tools.last_words(done.stderr)
    kind = "failed"
    if "wrong password" in said:
        kind = "wrong-key"
    elif "already locked" in said:
        kind = "busy"
    elif "unable to open config file" in said or "Is there a repository" in said:
        kind = "not-found"
    elif "no space left" in said:
        kind = "no-space"
    return Failure(kind, f"restic: {said}")


def _need(args, name):
    value = getattr(args, name)
    if not value:
        raise Failure("usage", f"{name} is needed")
    return value


def _init(args):
    done = _run(args, "init", check=False)
    if done.returncode == 0:
        return {"created": True}
    if "already" in done.stderr:
        _run(args, "cat", "config")  # with this password
        return {"created": False}
    raise _problem(done)


def _backup(args):
    words = ["backup", "--json", "--tag", f"source={_need(args, 'source')}", "--tag", f"stamp={_need(args, 'stamp')}"]
    for pattern in args.exclude:
        words += ["--exclude", pattern]
    if args.rate_limit:
        words += ["--limit-upload", str(max(1, args.rate_limit >> 10))]
    done = _run(args, *words, "--", *_need(args, "paths"), check=False)
    summary = next((m for m in _messages(done.stdout) if m.get("message_type") == "summary"), None)
    if done.returncode not in (0, _INCOMPLETE) or summary is None:
        raise _problem(done)
    result = {"snapshot": summary["snapshot_id"], "added": summary["data_added"],
              "processed": summary["total_bytes_processed"], "files": summary["total_files_processed"]}
    if done.returncode == _INCOMPLETE:
        raise Failure("incomplete", f"restic could not read some files: {tools.last_words(done.stderr)}", **result)
    return result


def _check(args):
    done = _run(args, "check", f"--read-data-subset={args.subset}", check=False)
    if done.returncode == 0:
        return {"problems": []}
    problem = _problem(done)
    if problem.kind != "failed":
        raise problem
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower() or "pack " in line.lower()]
    raise Failure("corrupt", f"restic: {tools.last_words(done.stderr)}", problems=lines[:100])


def _forget(args):
    words = ["forget", "--json", "--tag", f"source={_need(args, 'source')}", "--group-by", "tags"]
    # Copies differ in their tag "stamp", so all of one source are one group only without it.
    words[-1] = ""
    for name in ("daily", "weekly", "monthly", "yearly"):
        if getattr(args, name):
            words += [f"--keep-{name}", str(getattr(args, name))]
    if not any(word.startswith("--keep-") for word in words):
        raise Failure("usage", "nothing would be kept: daily, weekly, monthly or yearly is needed")
    words += ["--dry-run"] if args.dry_run else ["--prune"]
    groups = next((m for m in _messages(_run(args, *words).stdout) if isinstance(m, list)), [])
    return {"kept": sum(len(g.get("keep") or []) for g in groups),
            "removed": [s["id"] for g in groups for s in g.get("remove") or []]}


def _snapshots(args):
    words = ["snapshots", "--json"] + (["--tag", f"source={args.source}"] if args.source else [])
    listed = json.loads(_run(args, *words).stdout) or []
    return {"snapshots": [{"id": s["id"], "source": _tag(s, "source"), "stamp": _tag(s, "stamp"), "time": s["time"], "paths": s["paths"]}
                          for s in listed]}


def _restore(args):
    words = ["restore", _need(args, "snapshot"), "--target", _need(args, "to")]
    for pattern in args.include:
        words += ["--include", pattern]
    if args.dry_run:
        _run(args, "ls", args.snapshot)
    else:
        _run(args, *words)
    return {"to": args.to, "dry_run": args.dry_run}


def _tag(snapshot, name):
    return next((t[len(name) + 1:] for t in snapshot.get("tags") or [] if t.startswith(name + "=")), None)


def _messages(text):
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue
