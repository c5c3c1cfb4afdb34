from lib.base import BackupAction


class HoldPlan(BackupAction):
    """Finds a copy that is to be held, or released."""

    def work(self, source, stamp):
        entry = self.catalogue.get(source, stamp)
        job = entry and self.verification(entry)
        if not job:
            return False, {"error": "there is no copy %s of %s" % (stamp, source), "kind": "not-found"}
        return job
