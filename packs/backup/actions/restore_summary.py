from lib import answers, report
from lib.base import BackupAction


class RestoreSummary(BackupAction):
    """Ends a restore: tells what became of it."""

    needs_settings = False

    def work(self, execution, plan, result, error, unmounted):
        answer = answers.read(result) if result is not None else answers.Answer({}, "failed", error or "the target was not mounted")
        self.catalogue.end_run(execution)
        told = report.restore_report(plan or {}, answer, self.now)
        return dict(told, answer=answer.doc, kind=answer.kind, error=answer.error)
