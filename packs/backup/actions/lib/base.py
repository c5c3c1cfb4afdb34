"""The base class of the pack's actions."""

import datetime

from st2common.runners.base_action import Action

from lib import instants
from lib.catalogue import Catalogue
from lib.settings import ConfigurationError, Settings

__all__ = ["BackupAction"]


class BackupAction(Action):
    """An action with the checked configuration and the catalogue. Subclasses have work();
    now, where an action has that parameter, stands for the clock."""

    # Summaries tell people of a wrong configuration, too: they work without settings.
    needs_settings = True

    def run(self, now=None, **parameters):
        """Do the work; a wrong configuration is told without a traceback."""
        self.now = instants.instant(now) if now else datetime.datetime.now(datetime.timezone.utc)
        try:
            self.settings = Settings(self.config)
        except ConfigurationError as error:
            if self.needs_settings:
                return False, {"error": str(error), "kind": "configuration"}
            self.settings = None
        self.catalogue = Catalogue(self.action_service)
        return self.work(**parameters)

    def work(self, **parameters):
        """Do the action's work."""
        raise NotImplementedError

    def verification(self, entry):
        """Return what the agent needs to read a copy on its target's server; None when the
        target is configured no more."""
        target = self.target(entry["target"])
        if target is None:
            return None
        return {
            "server": target.server.login(),
            "root": target.server_path,
            "scratch": target.server.scratch,
            "target": target.id,
            "source": entry["source"],
            "stamp": entry["stamp"],
        }

    def target(self, ident):
        """Return the target with an id that has a server, None when there is none."""
        return next((t for t in self.settings.targets.values() if t.id == ident and t.server), None)

    def reading(self, entry, host, run):
        """Return how a host gets at a copy: on the target's server where it lies, elsewhere
        through a mount of its own."""
        target = self.target(entry["target"])
        at_home = host.name == target.server.name
        kind = "dir" if at_home or target.kind == "dir" else target.kind
        what = target.server_path if at_home else target.what
        return {
            "host": host.login(),
            "target": {
                "name": target.name,
                "id": target.id,
                "kind": kind,
                "what": what,
                "options": None if at_home else target.options,
                "fs_uuid": target.fs_uuid,
            },
            "place": what if kind == "dir" else target.place(self.settings.mount_root, run),
            "scratch": host.scratch,
            "source": entry["source"],
            "stamp": entry["stamp"],
        }
