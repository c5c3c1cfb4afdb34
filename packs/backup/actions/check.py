import fnmatch

from lib.base import BackupAction


class Check(BackupAction):
    """Says whether the configuration is right, and what in it has no effect."""

    def work(self):
        s, remarks = self.settings, []
        for host in s.hosts.values():
            if not host.providers and not host.directories and not any(t.server == host for t in s.targets.values()):
                remarks.append("host %s has nothing to protect and is the server of no target" % host.name)
            for directory in host.directories:
                source = "%s@%s" % (directory["name"], host.name)
                policy = s.policy_of(source)
                if policy is None:
                    remarks.append("directory %s is in no policy" % source)
                elif policy.target.kind != "restic":
                    remarks.append("directory %s: the target %s of policy %s is no restic repository" % (source, policy.target.name, policy.name))
        seen = []
        for policy in s.policies.values():
            if any(all(any(fnmatch.fnmatchcase(p, q) for q in before.sources) for p in policy.sources) for before in seen if not before.exclude):
                remarks.append("policy %s: all of its sources belong to a policy before it" % policy.name)
            if policy.recipients and not s.encrypted_reading:
                remarks.append("policy %s encrypts, and there are no identities: nobody can restore through this server" % policy.name)
            seen.append(policy)
        return {"hosts": len(s.hosts), "targets": len(s.targets), "policies": len(s.policies), "remarks": remarks}
