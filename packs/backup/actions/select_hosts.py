from lib import nightly
from lib.base import BackupAction


class SelectHosts(BackupAction):
    def work(self, policies, sources):
        unknown = [p for p in policies or [] if p not in self.settings.policies]
        if unknown:
            return False, {"error": "there is no policy %s" % ", ".join(unknown), "kind": "configuration"}
        return {"asked": nightly.inventories(self.settings, sources or ())}
