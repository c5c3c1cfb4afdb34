from lib import catalogue, instants, report
from lib.base import BackupAction


class VerifySummary(BackupAction):
    """Tells what a verification found."""

    needs_settings = False

    def work(self, found, quarantined, error):
        found = found or {"good": [], "bad": [], "problems": []}
        by_source = catalogue.copies_of(self.catalogue.copies())
        rows = []
        for bad in found["bad"]:
            last = catalogue.last_good(by_source.get(bad["source"], []))
            age = instants.short_span(self.now - instants.from_stamp(last["stamp"])) + " old" if last else "none"
            rows.append([bad["name"], bad["reason"], age])
        return report.verification_report(found, rows, ([error] if error else []) + found["problems"], self.now)
