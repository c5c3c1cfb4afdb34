from lib import answers, report
from lib.base import BackupAction


class DrillSummary(BackupAction):
    """Tells how the drills went."""

    needs_settings = False

    def work(self, execution, jobs, results, error):
        drills = []
        for job, output in zip(jobs or [], answers.outcomes(results) + [None] * len(jobs or [])):
            drill = (output or {}).get("drill")
            lost = {"source": job["source"], "stamp": job["stamp"], "ok": False, "error": "it ended without saying why", "seconds": None}
            drills.append(drill or lost)
        self.catalogue.end_run(execution)
        return report.drill_report(drills, error, self.now)
