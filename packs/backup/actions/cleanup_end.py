from lib import answers
from lib.base import BackupAction


class CleanupEnd(BackupAction):
    """Forgets runs that are cleaned up. One whose host did not answer stays, for the next
    attempt."""

    def work(self, jobs, results):
        left, done = {}, set()
        outputs = answers.outcomes(results) + [None] * len(jobs)
        for job, output in zip(jobs, outputs):
            done.add(job["run"])
            if not (output or {}).get("clean"):
                left.setdefault(job["run"], []).append("%s on %s" % (job["target"]["name"], job["host"]["name"]))
        for ident in done - set(left):
            self.catalogue.end_run(ident)
        return not left, {"cleaned": sorted(done - set(left)), "left": left}
