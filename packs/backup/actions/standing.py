from lib import monitoring, nightly, report
from lib.base import BackupAction


class Standing(BackupAction):
    """Says where every source stands, and tells the monitoring."""

    def work(self, asked, results, push):
        # What hypervisors show and policies cover should have copies; what they show and
        # nobody covers should be known.
        found = nightly.machines(self.settings, asked, results)
        covered = [s for s in found.sources if self.settings.policy_of(s)]
        unprotected = [s for s in found.sources if not self.settings.policy_of(s) and not self.settings.ignores(s)]
        rows = report.freshness(self.settings, self.catalogue.copies(), self.catalogue.drills(), covered, self.now)
        told = report.standing_report(rows, unprotected, self.now, found.problems)
        problems = []
        if push and self.settings.monitoring.get("icinga"):
            problems = monitoring.push(self.settings.monitoring, rows)
        return dict(told, sources=rows, unprotected=unprotected, problems=problems, checks=[monitoring.check(r) for r in rows])
