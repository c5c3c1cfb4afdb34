from lib import nightly
from lib.base import BackupAction


class MakePlan(BackupAction):
    def work(self, execution, asked, results, policies, sources, full):
        made = nightly.plan(
            self.settings,
            asked,
            results,
            self.catalogue.copies(),
            self.now,
            execution,
            policies=policies or (),
            sources=sources or (),
            full=full,
        ).document()
        # Written before anything is mounted: whoever ends this run without it knows
        # from here what is to be cleaned up.
        self.catalogue.put_run(
            execution,
            {
                "begun": self.now.isoformat(),
                "groups": [
                    dict({k: g[k] for k in ("host", "target", "place")}, sources=[j["source"] for j in g["jobs"]], **_reaping(g))
                    for g in made["groups"]
                    if g["target"]["kind"] != "restic"  # restic leaves nothing that has to be undone
                ],
            },
        )
        return made


def _reaping(group):
    """What a hypervisor has to be asked to end."""
    machines = [
        {"uri": j["given"].get("uri"), "machine": j["machine"], "source": j["source"]}
        for j in group["jobs"]
        if j["provider"] == "libvirt"
    ]
    return {"machines": machines, "holding": group["jobs"][0]["holding"]}
