"""The base class of actions."""

import abc

from st2common.runners.utils import get_logger_for_python_runner_action, log_level_of

__all__ = ["Action"]


class Action(abc.ABC):
    """An action: a class with a method run().

    Attributes:
      config: the pack's configuration, a dict with the schema's defaults.
      action_service: the datastore and the user behind the execution.
      logger: writes to the execution's stderr.
    """

    description = None

    def __init__(self, config=None, action_service=None):
        self.config = config or {}
        self.action_service = action_service
        self.logger = get_logger_for_python_runner_action(
            action_name=type(self).__name__, log_level=log_level_of(action_service)
        )

    @abc.abstractmethod
    def run(self, **kwargs):
        """Do the work. Every declared parameter comes as a keyword argument."""
