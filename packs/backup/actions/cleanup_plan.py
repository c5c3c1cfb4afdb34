from lib.base import BackupAction

ENDED = ("succeeded", "failed", "canceled", "timeout", "abandoned")


class CleanupPlan(BackupAction):
    """Says what runs have left behind that ended without cleaning up: of one run, or of
    all that are over."""

    def work(self, execution):
        runs = self.catalogue.runs() if execution is None else {execution: self.catalogue.run(execution)}
        jobs = []
        for ident, run in sorted(runs.items()):
            if run is None or not self._ended(ident):
                continue
            remove = run.get("remove") or []
            for group in run["groups"] or [{}]:
                jobs.append(self._job(ident, group, [r[1] for r in remove if group and r[0] == group["host"]["name"]]))
        return {"jobs": [j for j in jobs if j], "nothing": [i for i, r in runs.items() if r and not r["groups"]]}

    def _ended(self, ident):
        client = self.action_service.datastore_service.get_api_client()
        found = client.executions.get_by_id(ident)
        return found is None or found.status in ENDED

    def _job(self, ident, group, remove):
        if not group:
            self.catalogue.end_run(ident)
            return None
        target = self.target(group["target"]["id"])
        machines = group.get("machines") or []
        return {
            "run": ident,
            "host": group["host"],
            "target": group["target"],
            "place": group["place"],
            "holding": group.get("holding"),
            "machines": machines or [{"uri": None, "machine": None, "source": None}],
            "libvirt": bool(machines),
            "remove": " ".join("'%s'" % r for r in remove),
            "server": target.server.login() if target else None,
            "root": target.server_path if target else None,
        }
