from lib import answers, catalogue
from lib.base import BackupAction


class VerifyRecord(BackupAction):
    """Writes down what verification found. A bad copy is bad in the catalogue before it
    is set aside on the target, with all that build on it: the next copy is of level 0."""

    def work(self, jobs, results, before):
        before = before or {"good": [], "bad": [], "problems": []}
        found = {k: list(v) for k, v in before.items()}
        bad_now, suspects = [], []
        for job, result in zip(jobs, results or [None] * len(jobs)):
            entry = self.catalogue.get(job["source"], job["stamp"])
            if entry is None:
                continue  # pruned meanwhile
            answer, name = answers.read(result), "%s/%s" % (job["source"], job["stamp"])
            if answer.ok:
                entry["verified"] = {"at": self.now.strftime("%Y-%m-%dT%H:%M:%SZ"), "ok": True, "depth": answer.doc.get("depth")}
                self.catalogue.put(entry)
                found["good"].append(name)
            elif answer.kind in ("corrupt", "not-found", "base-missing"):
                self._bad(entry, job, answer, found, bad_now, suspects)
            else:
                found["problems"].append("%s: %s" % (name, answer.error))
        seen = {n for k in ("good", "bad") for n in [b if isinstance(b, str) else b["name"] for b in found[k]]}
        again = {s["stamp"]: s for s in suspects if "%s/%s" % (s["source"], s["stamp"]) not in seen}
        return {"found": found, "quarantine": bad_now, "again": list(again.values())}

    def _bad(self, entry, job, answer, found, bad_now, suspects):
        mine = self.catalogue.copies(entry["source"])
        for e in mine:
            chain = catalogue.chain(mine, e)
            if chain is None or any(c["stamp"] == entry["stamp"] for c in chain):
                e["state"], e["bad_because"] = "bad", answer.error
                self.catalogue.put(e)
        found["bad"].append({"name": "%s/%s" % (entry["source"], entry["stamp"]), "reason": answer.error, "source": entry["source"]})
        bad_now.append(dict(job, reason=answer.error))
        # What it builds on was read, too, and may be what is wrong.
        suspects += [self.verification(e) for e in (catalogue.chain(mine, entry) or [])[:-1] if catalogue.good(e)]
