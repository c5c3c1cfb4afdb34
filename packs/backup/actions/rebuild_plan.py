from lib.base import BackupAction


class RebuildPlan(BackupAction):
    """Says which targets have to be scanned."""

    def work(self, targets):
        chosen = [t for t in self.settings.targets.values() if t.server and (not targets or t.name in targets)]
        return {"jobs": [{"server": t.server.login(), "root": t.server_path, "target": t.id} for t in chosen]}
