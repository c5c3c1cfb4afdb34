from lib import answers, catalogue
from lib.base import BackupAction


class Record(BackupAction):
    """Enters a copy into the catalogue: it has its name on the target."""

    def work(self, policy, dumped, verified, committed, compressed):
        dump, verdict, commit = (answers.read(r) for r in (dumped, verified, committed))
        manifest = commit.doc["manifest"]
        doc = catalogue.entry(
            manifest,
            policy=policy,
            stored=commit.doc.get("stored"),
            seconds=dump.doc.get("seconds"),
            verified={"at": self.now.strftime("%Y-%m-%dT%H:%M:%SZ"), "ok": True, "depth": verdict.doc.get("depth")} if verdict.ok else None,
        )
        self.catalogue.put(doc)
        warnings = []
        if compressed is not None:
            packed = answers.read(compressed)
            warnings = list(packed.doc.get("warnings") or []) if packed.ok else ["not compressed: %s" % packed.error]
        return {
            "source": doc["source"],
            "state": "good",
            "stamp": doc["stamp"],
            "level": doc["level"],
            "full_because": dump.doc.get("full_because"),
            "size": doc["size"],
            "payload": doc["payload"],
            "stored": doc["stored"],
            "seconds": doc["seconds"],
            "warnings": warnings,
        }
