from lib import answers, instants
from lib.base import BackupAction


class RecordDirectory(BackupAction):
    """Enters a snapshot of restic's into the catalogue, and takes out those that are
    forgotten."""

    def work(self, job, target, execution, copied, checked, forgotten):
        copy, check, forget = (answers.read(r) for r in (copied, checked, forgotten))
        seconds = (self.now - instants.from_stamp(job["stamp"])).total_seconds()
        entry = {
            "source": job["source"],
            "stamp": job["stamp"],
            "level": 0,
            "base": None,
            "target": target["id"],
            "snapshot": copy.doc["snapshot"],
            "host": job["source"].rpartition("@")[2],
            "run": execution,
            "policy": job["policy"],
            "state": "good" if check.ok else "bad",
            "size": copy.doc.get("processed"),
            "payload": copy.doc.get("processed"),
            "stored": copy.doc.get("added"),
            "seconds": seconds,
            "verified": {"at": self.now.strftime("%Y-%m-%dT%H:%M:%SZ"), "ok": True, "depth": "restic check"} if check.ok else None,
            "held": False,
        }
        self.catalogue.put(entry)
        gone = set(forget.doc.get("removed") or ())
        for old in self.catalogue.copies(job["source"]):
            if old.get("snapshot") and any(old["snapshot"].startswith(g) or g.startswith(old["snapshot"]) for g in gone):
                self.catalogue.remove(old["source"], old["stamp"])
        outcome = {"source": job["source"], "state": "good", "stamp": job["stamp"], "level": 0, "seconds": seconds}
        outcome.update({k: entry[k] for k in ("size", "payload", "stored")})
        outcome["warnings"] = [] if forget.ok else ["not pruned: %s" % forget.error]
        if not check.ok:
            outcome.update(state="failed", step="verify", kind=check.kind, error=check.error)
        return check.ok, outcome
