from lib import answers, catalogue, instants, report
from lib.base import BackupAction

# Kinds of failures after which nobody knows what is left on the host.
AWAY = (answers.UNREACHABLE, answers.LOST, answers.TIMEOUT)


class Summary(BackupAction):
    """Ends a run: what became of every source, told to people."""

    needs_settings = False

    # Whether a host went away with something that has to be undone there.
    left = False

    def work(self, execution, plan, groups, pruning, error):
        plan = plan or {"groups": [], "failed": [], "unprotected": []}
        outcomes, warnings = list(plan["failed"]), []
        for group, ended in zip(plan["groups"], groups or []):
            outcomes += self._outcomes(group, ended, warnings)
        for group in plan["groups"][len(groups or []) :]:
            outcomes += [self._lost(j["source"]) for j in group["jobs"]]
            self.left = True
        entries = self.catalogue.copies()
        by_source, ages = catalogue.copies_of(entries), {}
        for outcome in outcomes:
            last = catalogue.last_good(by_source.get(outcome["source"], []))
            ages[outcome["source"]] = self.now - instants.from_stamp(last["stamp"]) if last else None
            warnings += ["%s: %s" % (outcome["source"], w) for w in outcome.get("warnings") or []]
        pruning = pruning or {}
        extras = [
            ("Error", [error] if error else []),
            ("Sizes to look at", self.settings and report.anomalies(outcomes, entries, self.settings.below, self.settings.above)),
            ("Warnings", warnings + (pruning.get("problems") or [])),
            ("Not pruned", sorted("%s: %s" % i for i in (pruning.get("refused") or {}).items())),
            ("Machines in no policy", plan["unprotected"]),
        ]
        told = report.run_report(outcomes, self.now, ages, extras)
        if not self.left:  # otherwise rules clean up what this run could not
            self.catalogue.end_run(execution)
        return dict(told, outcomes=outcomes, removed=pruning.get("removed") or [])

    def _outcomes(self, group, ended, warnings):
        output = (answers.outcomes([ended])[0] or {}) if ended else {}
        self.left = self.left or not output
        unmount = output.get("unmounted")
        if unmount is not None:
            answer = answers.read(unmount)
            self.left = self.left or not answer.ok
            if not answer.ok or answer.doc.get("lazy"):
                name = "%s on %s" % (group["target"]["name"], group["host"]["name"])
                warnings.append("%s was not unmounted cleanly: %s" % (name, answer.error or "something still used it"))
        if output.get("mounted") is not None and not answers.read(output["mounted"]).ok:
            answer = answers.read(output["mounted"])
            self.left = self.left or answer.kind in AWAY
            return [
                {"source": j["source"], "state": "failed", "step": "mount", "kind": answer.kind, "error": answer.error} for j in group["jobs"]
            ]
        found = answers.outcomes(output.get("machines"))
        self.left = self.left or any(((o or {}).get("outcome") or {"kind": answers.LOST}).get("kind") in AWAY for o in found)
        found += [None] * (len(group["jobs"]) - len(found))
        return [(o or {}).get("outcome") or self._lost(j["source"]) for j, o in zip(group["jobs"], found)]

    def _lost(self, source):
        return {"source": source, "state": "failed", "step": None, "kind": answers.LOST, "error": "it ended without saying why"}
