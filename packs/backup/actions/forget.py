from lib import answers
from lib.base import BackupAction


class Forget(BackupAction):
    """Takes copies out of the catalogue that are gone from the target."""

    def work(self, groups, results):
        removed, problems = [], []
        for group, result in zip(groups, results or [None] * len(groups)):
            answer = answers.read(result)
            if not answer.ok and answer.kind != "not-found":
                problems.append("%s: %s" % (group["source"], answer.error))
                continue
            for stamp in group["stamps"]:
                self.catalogue.remove(group["source"], stamp)
                removed.append("%s/%s" % (group["source"], stamp))
        return {"removed": removed, "problems": problems}
