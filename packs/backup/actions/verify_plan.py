import datetime

from lib import catalogue, instants
from lib.base import BackupAction

NEVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class VerifyPlan(BackupAction):
    """Says which copies are read again: those whose last verification is oldest."""

    def work(self, sources, every):
        due = []
        for source, entries in catalogue.copies_of(self.catalogue.copies()).items():
            if sources and source not in sources:
                continue
            for entry in entries:
                last = (entry.get("verified") or {}).get("at")
                when = instants.instant(last) if last else NEVER
                if catalogue.good(entry) and (every or self.now - when >= self.settings.verify_age):
                    due.append((when, source, entry))
        due.sort(key=lambda d: (d[0], d[1], d[2]["stamp"]))
        jobs = [self.verification(entry) for _, _, entry in (due if every else due[: self.settings.verify_copies])]
        return {"jobs": [j for j in jobs if j]}
