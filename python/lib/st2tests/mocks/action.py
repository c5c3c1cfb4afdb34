"""Stand-ins around an action."""

from unittest import mock

from st2common.runners.action_service import ActionService
from st2tests.mocks.datastore import MockDatastoreService

__all__ = ["MockActionWrapper", "MockActionService"]


class MockActionWrapper:
    """What runs an action."""

    def __init__(self, pack, class_name):
        self._pack = pack
        self._class_name = class_name


class MockActionService(ActionService):
    """An action service whose datastore is in memory."""

    def __init__(self, action_wrapper):
        self.log_level = "DEBUG"
        self._action_wrapper = action_wrapper
        self._logger = mock.Mock()
        self._datastore_service = MockDatastoreService(
            logger=self._logger, pack_name=action_wrapper._pack, class_name=action_wrapper._class_name
        )
