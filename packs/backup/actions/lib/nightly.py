"""The plan of a run: which copies are made tonight, of which level, from where to where.

Pure: settings, inventories and catalogue in, groups of jobs out. A group is what one
host copies to one target, so that the target is mounted there once.
"""

import datetime
import fnmatch
import re

from lib import answers, catalogue, instants, planner

__all__ = ["Plan", "inventories", "machines", "plan"]

# Guess at the size of a copy of a higher level that has no predecessor.
CHANGE = 0.1


def source_name(machine, host):
    """Return MACHINE@HOST in the letters that directories of a target may have."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", machine).lstrip(".")[:60] + "@" + host


def inventories(settings, sources=()):
    """Return what has to be asked of which host: parameters of the agent's list. With
    patterns of sources only hosts that can have one of them."""
    def wanted(host):
        return not sources or any("@" not in p or fnmatch.fnmatchcase(host.name, p.rpartition("@")[2]) for p in sources)

    return [
        dict(host.login(), provider=p["type"], **{k: p.get(k) for k in ("directory", "devices", "uri", "api", "node", "ca")})
        for host in settings.hosts.values()
        if wanted(host)
        for p in host.providers
    ]


class Machines:
    """sources: all that hypervisors show. problems: hosts that did not answer."""

    def __init__(self):
        self.sources, self.problems = [], []


def machines(settings, asked, results):
    """Return the Machines that the inventories show."""
    found = Machines()
    for item, result in zip(asked or [], results or []):
        answer = answers.read(result)
        if answer.ok:
            found.sources += [source_name(m["name"], item["name"]) for m in answer.doc.get("machines") or []]
        else:
            found.problems.append("%s: %s" % (item["name"], answer.error))
    for host in settings.hosts.values():
        found.sources += [source_name(d["name"], host.name) for d in host.directories]
    return found


class Plan:
    """groups: what is done. failed: sources that cannot even be tried, with the reason.
    unprotected: machines that are in no policy."""

    def __init__(self):
        self.groups, self.failed, self.unprotected = [], [], []

    def document(self):
        """Return it as data."""
        return {"groups": self.groups, "failed": self.failed, "unprotected": self.unprotected}


class _Found:
    """A machine that a policy covers."""

    def __init__(self, source, host, provider, machine, policy, entries, now, timezone):
        self.source, self.host, self.provider, self.machine, self.policy = source, host, provider, machine, policy
        self.entries = [e for e in entries if e["target"] == policy.target.id]
        good = catalogue.last_good(self.entries)
        # The source remembers what has changed since its newest copy only.
        self.base = good if good is not None and good is self.entries[0] else None
        self.incremental = all(d.get("incremental") for d in machine.get("disks") or [{}])
        fulls = [e for e in self.entries if e["level"] == 0 and catalogue.good(e)]
        self.size = max(machine.get("allocated") or 0, 1)
        self.age = None
        if self.base is not None and fulls:
            tonight, then = instants.night(now, timezone), instants.night(instants.from_stamp(fulls[0]["stamp"]), timezone)
            self.age = max(0, tonight - then)
        verified = catalogue.last_verified(entries)
        age = (now - instants.from_stamp(verified["stamp"])).total_seconds() if verified else None
        self.overdue = planner.overdue(age, policy.rpo.total_seconds())

    def estimate(self, level):
        """Return how many bytes the copy will have, about."""
        if level == 0:
            return self.size
        last = [e["payload"] for e in self.entries if e["level"] > 0 and e.get("payload")][:5]
        return int(max(last) * 1.5) if last else int(self.size * CHANGE)


def plan(settings, asked, results, entries, now, run, policies=(), sources=(), full=False):
    """Return the Plan. asked are the inventories, results what became of them, entries
    the whole catalogue."""
    made, by_source = Plan(), catalogue.copies_of(entries)

    def selected(source, policy):
        if policies and policy.name not in policies:
            return False
        return not sources or any(fnmatch.fnmatchcase(source, p) for p in sources)

    found, there = [], set()
    for item, result in zip(asked, results):
        host, answer = settings.hosts[item["name"]], answers.read(result)
        if not answer.ok:
            _host_failed(made, settings, host, answer, by_source, selected)
            continue
        for machine in answer.doc.get("machines") or []:
            source = source_name(machine["name"], host.name)
            policy = settings.policy_of(source)
            there.add(source)
            if policy is None:
                if not settings.ignores(source):
                    made.unprotected.append(source)
            elif not selected(source, policy):
                pass
            elif machine.get("problem"):
                made.failed.append(_failed(source, "failed", machine["problem"]))
            else:
                found.append(_Found(source, host, item, machine, policy, by_source.get(source, []), now, settings.timezone))
    made.failed += _directories(settings, made, by_source, now, run, selected)
    levels = _levels(found, full)
    groups = {}
    for f in sorted(found, key=lambda f: (-f.overdue, f.source)):
        key = (f.host.name, f.policy.target.name)
        if key not in groups:
            groups[key] = _group(settings, f.host, f.policy.target, run)
            made.groups.append(groups[key])
        groups[key]["jobs"].append(_job(settings, f, levels[f.source], now))
    made.unprotected.sort()
    return made


def _directories(settings, made, by_source, now, run, selected):
    """Add the groups of what restic copies; return what cannot be tried."""
    failed = []
    for host in settings.hosts.values():
        groups = {}
        for directory in host.directories:
            source = source_name(directory["name"], host.name)
            policy = settings.policy_of(source)
            if policy is None:
                made.unprotected.append(source)
            elif not selected(source, policy):
                pass
            elif policy.target.kind != "restic":
                failed.append(_failed(source, "configuration", "the target %s is no restic repository" % policy.target.name))
            else:
                group = groups.setdefault(policy.target.name, _group(settings, host, policy.target, run))
                keep = policy.retention
                group["jobs"].append(
                    {
                        "source": source,
                        "policy": policy.name,
                        "stamp": instants.stamp(_fresh(by_source.get(source, []), now)),
                        "paths": list(directory["paths"]),
                        "exclude": list(directory.get("exclude") or ()),
                        "rate_limit": settings.rate(host, policy.target),
                        "retention": {k: getattr(keep, k) for k in ("daily", "weekly", "monthly", "yearly")},
                    }
                )
        made.groups += groups.values()
    return failed


def _fresh(entries, now):
    """Return an instant that is, with the second after it, the name of no copy yet."""
    when = now.replace(microsecond=0)
    while any(instants.from_stamp(e["stamp"]) in (when, when + datetime.timedelta(seconds=1)) for e in entries):
        when += datetime.timedelta(seconds=2)
    return when


def _failed(source, kind, error):
    return {"source": source, "state": "failed", "step": "list", "kind": kind, "error": error}


def _host_failed(made, settings, host, answer, by_source, selected):
    known = [s for s in by_source if s.endswith("@" + host.name)]
    lost = [s for s in known if settings.policy_of(s) is not None and selected(s, settings.policy_of(s))]
    for source in sorted(lost) or ["@" + host.name]:
        if not any(f["source"] == source for f in made.failed):
            made.failed.append(_failed(source, answer.kind, answer.error))


def _levels(found, full):
    """Return {source: (level, base, why)}."""
    levels = {}
    for policy in {f.policy.name: f.policy for f in found}.values():
        mine = [f for f in found if f.policy.name == policy.name]
        chosen = planner.choose_fulls([planner.Source(f.source, f.size, f.age, f.incremental) for f in mine], policy.cycle)
        for f in mine:
            why = "asked for" if full else chosen.get(f.source)
            if why == "first" and f.entries:
                why = "the newest copy cannot be built on"
            levels[f.source] = (0, None, why) if why else (f.base["level"] + 1, f.base["stamp"], None)
    return levels


def _group(settings, host, target, run):
    return {
        "host": host.login(),
        "target": {k: getattr(target, k) for k in ("name", "id", "kind", "what", "options", "fs_uuid")},
        "place": target.place(settings.mount_root, run),
        "server": target.server.login() if target.server else None,
        "server_path": target.server_path,
        "server_scratch": target.server.scratch if target.server else None,
        "jobs": [],
    }


def _job(settings, f, level, now):
    when = _fresh(f.entries, now)
    closes = f.policy.window.end_after(now) if f.policy.window else None
    return {
        "source": f.source,
        "machine": f.machine["name"],
        "policy": f.policy.name,
        "provider": f.provider["provider"],
        "given": {k: f.provider.get(k) for k in ("directory", "uri", "api", "node", "ca")},
        # Of devices the list stands for the directory.
        "disks": [{k: d.get(k) for k in ("name", "path", "format")} for d in f.machine["disks"]] if f.provider["provider"] == "device" else None,
        "level": level[0],
        "base": level[1],
        "why": level[2],
        "stamp": instants.stamp(when),
        "stamp_again": instants.stamp(when + datetime.timedelta(seconds=1)),
        "estimate": f.estimate(level[0]),
        "overdue": f.overdue if f.overdue != float("inf") else None,
        "rate_limit": settings.rate(f.host, f.policy.target),
        "not_after": closes.strftime("%Y-%m-%dT%H:%M:%SZ") if closes else None,
        "recipients": list(f.policy.recipients),
        "holding": f.host.holding,
        "quiesce": f.policy.quiesce,
        "priority": f.policy.priority,
        "compress": f.policy.compress and not f.policy.recipients,
        "compression_level": f.policy.compression_level,
        "host_limit": f.host.limit,
        "target_limit": f.policy.target.limit,
    }
