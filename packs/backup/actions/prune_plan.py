from lib import catalogue, retention
from lib.base import BackupAction


class PrunePlan(BackupAction):
    """Says which copies may go, by target."""

    def work(self, sources, targets):
        groups, kept, refused = {}, 0, {}
        for source, entries in catalogue.copies_of(self.catalogue.copies()).items():
            policy = self.settings.policy_of(source)
            if policy is None or (sources and source not in sources):
                continue  # nobody says for how long: kept until somebody does
            for name, target in self.settings.targets.items():
                mine = [e for e in entries if e["target"] == target.id]
                if not mine or target.server is None or (targets and name not in targets):
                    continue
                decision = retention.decide(catalogue.for_retention(mine), policy.retention, self.now, policy.rpo)
                kept += len(decision.kept)
                if decision.refused:
                    refused[source] = decision.refused
                if decision.remove:
                    group = {"server": target.server.login(), "root": target.server_path, "target": target.id, "source": source}
                    groups[source, name] = dict(group, stamps=decision.remove)
        return {"groups": list(groups.values()), "kept": kept, "refused": refused}
