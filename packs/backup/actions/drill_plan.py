from lib import catalogue
from lib.base import BackupAction


class DrillPlan(BackupAction):
    """Chooses the copies to restore for practice: of the sources that were practised
    with longest ago, the newest good copy."""

    def work(self, execution, sources, count):
        drills = self.catalogue.drills()
        by_source = catalogue.copies_of(self.catalogue.copies())
        due = sorted((s for s in by_source if not sources or s in sources), key=lambda s: ((drills.get(s) or {}).get("at") or "", s))
        jobs = []
        for source in due:
            entry = catalogue.last_good(by_source[source])
            if entry is None or self.target(entry["target"]) is None:
                continue
            host = self.settings.drill_host or self.target(entry["target"]).server
            job = self.reading(entry, host, execution)
            policy = self.settings.policy_of(source)
            job["to"] = "%s/squall-drill-%s/%s" % (self.settings.drill_to, execution, source)
            job["rto"] = policy.rto.total_seconds() if policy and policy.rto else None
            job["probe"] = self.settings.drill_probe
            jobs.append(job)
            if len(jobs) >= (count or self.settings.drill_sources):
                break
        groups = [dict({k: j[k] for k in ("host", "target", "place")}, sources=[], machines=[], holding=None) for j in jobs]
        remove = sorted({(j["host"]["name"], j["to"].rpartition("/")[0]) for j in jobs})
        self.catalogue.put_run(execution, {"begun": self.now.isoformat(), "groups": groups, "remove": [list(r) for r in remove]})
        return {"jobs": jobs}
