"""The pack's configuration, checked and with defaults.

The schema says which members there are; here is what a schema cannot say: names that
lead somewhere, spans, windows. All that is wrong is told at once.
"""

import dataclasses
import datetime
import fnmatch
import re

from lib import instants
from lib.retention import Retention

__all__ = ["ConfigurationError", "Host", "Policy", "Settings", "Target", "size"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,62}")
_SUFFIX = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class ConfigurationError(ValueError):
    """The configuration is wrong; the text has a line for each fault."""


def size(text):
    """Read 200M or 1.5G as bytes; None stays None."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", str(text).strip(), re.I)
    if not match:
        raise ValueError("%r is no size such as 200M" % (text,))
    return int(float(match.group(1)) * _SUFFIX[match.group(2).upper()])


@dataclasses.dataclass(frozen=True)
class Host:
    """A machine that the agent runs on."""

    name: str
    address: str
    username: "str | None" = None
    sudo: bool = False
    limit: int = 1
    bandwidth: "int | None" = None
    holding: str = "/var/tmp"
    scratch: str = "/var/tmp"
    providers: tuple = ()
    directories: tuple = ()

    def login(self):
        """Return what every action on the host needs, as its parameters."""
        return {"name": self.name, "hosts": self.address, "username": self.username, "sudo": self.sudo}


@dataclasses.dataclass(frozen=True)
class Target:
    """Where copies go. server is None of a restic repository."""

    name: str
    id: str
    kind: str = "dir"
    what: str = ""
    options: "str | None" = None
    fs_uuid: "str | None" = None
    server: "Host | None" = None
    server_path: str = ""
    limit: int = 4
    bandwidth: "int | None" = None

    def place(self, mount_root, run):
        """Return where a host has it during a run."""
        return self.what if self.kind == "dir" else "%s/%s-%s" % (mount_root, self.name, run)


@dataclasses.dataclass(frozen=True)
class Policy:
    """What goes where, how often, for how long."""

    name: str
    sources: tuple
    target: Target
    exclude: tuple = ()
    rpo: datetime.timedelta = datetime.timedelta(hours=26)
    rto: "datetime.timedelta | None" = None
    cycle: int = 7
    window: "instants.Window | None" = None
    retention: Retention = Retention()
    compress: bool = True
    compression_level: int = 3
    recipients: tuple = ()
    quiesce: str = "auto"
    priority: str = "idle"

    def covers(self, source):
        """Report whether MACHINE@HOST belongs to it."""
        return _any(self.sources, source) and not _any(self.exclude, source)


def _any(patterns, source):
    return any(fnmatch.fnmatchcase(source, p) for p in patterns)


class Settings:
    """Everything the configuration says."""

    def __init__(self, config):
        self._problems = []
        self.timezone = config.get("timezone") or "UTC"
        self._try("timezone", instants.night, datetime.datetime.now(datetime.timezone.utc), self.timezone)
        self.mount_root = config.get("mount_root") or "/run/squall-backup"
        self.ignored = tuple(config.get("unprotected_ignore") or ())
        self.hosts = self._named("hosts", config, self._host)
        self.targets = self._named("targets", config, self._target)
        self.policies = self._named("policies", config, self._policy)
        anomaly, drill, verify = (config.get(k) or {} for k in ("anomaly", "drill", "verify"))
        self.below, self.above = anomaly.get("below") or 0.5, anomaly.get("above") or 2.0
        self.drill_host = self._known("drill", self.hosts, "host", drill["host"]) if drill.get("host") else None
        self.drill_to = drill.get("to") or "/var/tmp"
        self.drill_probe = drill.get("probe")
        self.drill_sources = drill.get("sources") or 1
        self.verify_age = self._try("verify: age", instants.span, verify.get("age") or "30d")
        self.verify_copies = verify.get("copies") or 50
        self.monitoring = config.get("monitoring") or {}
        self.encrypted_reading = bool(config.get("identities"))
        if self._problems:
            raise ConfigurationError("the configuration of pack backup is wrong:\n" + "\n".join("  " + p for p in self._problems))

    def policy_of(self, source):
        """Return the policy that counts for MACHINE@HOST, None when it is in none."""
        return next((p for p in self.policies.values() if p.covers(source)), None)

    def ignores(self, source):
        """Report whether nobody wants a policy for it."""
        return _any(self.ignored, source)

    def host_of(self, source):
        """Return the host of MACHINE@HOST, None when it is configured no more."""
        return self.hosts.get(source.rpartition("@")[2])

    def rate(self, host, target):
        """Return the bytes in a second for one dump: its part of what its host and its
        target allow. None: no limit."""
        parts = [x.bandwidth // x.limit for x in (host, target) if x.bandwidth]
        return min(parts) if parts else None

    # Reading. What is wrong is noted and reading goes on.

    def _try(self, where, function, *args):
        try:
            return function(*args)
        except Exception as error:  # zoneinfo, datetime and we ourselves raise different ones
            self._problems.append("%s: %s" % (where, error))
            return None

    def _named(self, kind, config, read):
        found = {}
        for i, doc in enumerate(config.get(kind) or []):
            name = doc.get("name") or ""
            where = "%s[%d] %s" % (kind, i, name)
            if not _NAME.fullmatch(name):
                self._problems.append("%s: a name has letters, digits and ._+-, and up to 63 of them" % where)
            elif name in found:
                self._problems.append("%s: this name is there already" % where)
            else:
                found[name] = self._try(where, read, doc)
        if not found:
            self._problems.append("%s: there are none" % kind)
        return {name: value for name, value in found.items() if value is not None}

    def _known(self, where, names, what, name):
        if name not in names:
            raise ValueError("there is no %s %r" % (what, name))
        return names[name]

    def _host(self, doc):
        for directory in doc.get("directories") or ():
            if not _NAME.fullmatch(directory["name"]):
                raise ValueError("directories: %r is no name" % directory["name"])
        return Host(
            name=doc["name"],
            address=doc.get("address") or doc["name"],
            username=doc.get("username"),
            sudo=bool(doc.get("sudo")),
            limit=doc.get("limit") or 1,
            bandwidth=size(doc.get("bandwidth")),
            holding=doc.get("holding") or "/var/tmp",
            scratch=doc.get("scratch") or "/var/tmp",
            providers=tuple(doc.get("providers") or ()),
            directories=tuple(doc.get("directories") or ()),
        )

    def _target(self, doc):
        kind, what = doc.get("kind") or "dir", doc.get("what") or ""
        if not what:
            raise ValueError("what is missing")
        server = None
        if kind != "restic":
            if not doc.get("server"):
                raise ValueError("server is missing: the host on whose disks it lies")
            server = self._known("", self.hosts, "host", doc["server"])
        return Target(
            name=doc["name"],
            id=doc.get("id") or doc["name"],
            kind=kind,
            what=what,
            options=doc.get("options"),
            fs_uuid=doc.get("fs_uuid"),
            server=server,
            server_path=doc.get("server_path") or what,
            limit=doc.get("limit") or 4,
            bandwidth=size(doc.get("bandwidth")),
        )

    def _policy(self, doc):
        keep = dict(doc.get("retention") or {})
        if "keep_bad" in keep:
            keep["keep_bad"] = instants.span(keep["keep_bad"])
        window = doc.get("window")
        return Policy(
            name=doc["name"],
            sources=tuple(doc["sources"]),
            exclude=tuple(doc.get("exclude") or ()),
            target=self._known("", self.targets, "target", doc["target"]),
            rpo=instants.span(doc.get("rpo") or "26h"),
            rto=instants.span(doc["rto"]) if doc.get("rto") else None,
            cycle=doc.get("cycle") or 7,
            window=instants.Window(window["start"], window["end"], self.timezone) if window else None,
            retention=Retention(timezone=self.timezone, **keep),
            compress=doc.get("compress") is not False,
            compression_level=doc.get("compression_level") or 3,
            recipients=tuple(doc.get("recipients") or ()),
            quiesce=doc.get("quiesce") or "auto",
            priority=doc.get("priority") or "idle",
        )
