from lib import answers, catalogue
from lib.base import BackupAction


class Rebuild(BackupAction):
    """Makes the catalogue say what lies on the targets. A target that could not be scanned
    keeps its entries."""

    def work(self, jobs, results):
        known = {(e["target"], e["source"], e["stamp"]): e for e in self.catalogue.copies()}
        added, changed, removed, problems = [], [], [], []
        for job, result in zip(jobs, results or [None] * len(jobs)):
            answer = answers.read(result)
            if not answer.ok:
                problems.append("%s: %s" % (job["target"], answer.error))
                continue
            seen = set()
            for copy in answer.doc["copies"]:
                entry = self._entry(copy, known)
                if entry is None:
                    continue
                key = (job["target"], entry["source"], entry["stamp"])
                seen.add(key)
                if known.get(key) != entry:
                    (changed if key in known else added).append("%s/%s" % key[1:])
                    self.catalogue.put(entry)
            for key in [k for k in known if k[0] == job["target"] and k not in seen]:
                self.catalogue.remove(*key[1:])
                removed.append("%s/%s" % key[1:])
        return not problems, {"added": added, "changed": changed, "removed": removed, "problems": problems}

    def _entry(self, copy, known):
        """Return the entry of a copy; what only the catalogue knew stays."""
        manifest = copy.get("manifest")
        if copy["state"] == "partial" or not manifest:
            return None
        old = known.get((manifest["target"], manifest["source"], manifest["stamp"])) or {}
        policy = self.settings.policy_of(manifest["source"])
        entry = catalogue.entry(
            manifest,
            policy=old.get("policy") or (policy.name if policy else None),
            verified=copy.get("verified") or old.get("verified"),
            stored=copy.get("stored"),
            seconds=old.get("seconds"),
        )
        entry["held"] = bool(copy.get("held"))
        if copy["state"] == "bad":
            entry["state"], entry["bad_because"] = "bad", copy.get("problem") or old.get("bad_because")
        return entry
