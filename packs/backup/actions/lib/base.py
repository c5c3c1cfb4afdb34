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

    def run(self, now=None, **parameters):
        """Do the work; a wrong configuration is told without a traceback."""
        self.now = instants.instant(now) if now else datetime.datetime.now(datetime.timezone.utc)
        try:
            self.settings = Settings(self.config)
        except ConfigurationError as error:
            return False, {"error": str(error), "kind": "configuration"}
        self.catalogue = Catalogue(self.action_service)
        return self.work(**parameters)

    def work(self, **parameters):
        """Do the action's work."""
        raise NotImplementedError
