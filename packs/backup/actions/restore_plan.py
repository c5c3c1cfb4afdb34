from lib import catalogue
from lib.base import BackupAction


class RestorePlan(BackupAction):
    """Finds the copy and how the host gets at it."""

    def work(self, execution, source, stamp, host):
        mine = sorted(self.catalogue.copies(source), key=lambda e: e["stamp"], reverse=True)
        if stamp in (None, "latest"):
            entry = catalogue.last_good(mine)
            problem = "there is no good copy of %s" % source
        else:
            entry = next((e for e in mine if e["stamp"] == stamp), None)
            problem = "there is no copy %s of %s; there are: %s" % (stamp, source, ", ".join(e["stamp"] for e in mine) or "none")
        if entry is None:
            return False, {"error": problem, "kind": "not-found"}
        if entry.get("snapshot"):
            return self._snapshot(entry, host)
        if self.target(entry["target"]) is None:
            return False, {"error": "the target with the id %s is configured no more" % entry["target"], "kind": "configuration"}
        if host is not None and host not in self.settings.hosts:
            return False, {"error": "there is no host %s in the configuration" % host, "kind": "configuration"}
        found = self.reading(entry, self.settings.hosts[host] if host else self.target(entry["target"]).server, execution)
        group = {k: found[k] for k in ("host", "target", "place")}
        self.catalogue.put_run(execution, {"begun": self.now.isoformat(), "groups": [dict(group, sources=[], machines=[], holding=None)]})
        return dict(found, restic=False, good=catalogue.whole(mine, entry), level=entry["level"])

    def _snapshot(self, entry, host):
        """What restic restores: by default on the host it came from."""
        target = next((t for t in self.settings.targets.values() if t.id == entry["target"]), None)
        place = self.settings.hosts.get(host or entry["host"])
        if target is None or place is None:
            return False, {"error": "the repository or the host is not in the configuration", "kind": "configuration"}
        snapshot = {k: entry[k] for k in ("source", "stamp", "snapshot")}
        return dict(snapshot, host=place.login(), repository=target.what, restic=True)
