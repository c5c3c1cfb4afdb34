"""Stand-ins around a sensor."""

from unittest import mock

from st2tests.mocks.datastore import MockDatastoreService

__all__ = ["MockSensorWrapper", "MockSensorService"]


class MockSensorWrapper:
    """What runs a sensor."""

    def __init__(self, pack, class_name):
        self._pack = pack
        self._class_name = class_name


class MockSensorService:
    """A sensor service that remembers what was dispatched."""

    def __init__(self, sensor_wrapper):
        self._sensor_wrapper = sensor_wrapper
        self._logger = mock.Mock()
        self.dispatched_triggers = []
        self._datastore_service = MockDatastoreService(
            logger=self._logger, pack_name=sensor_wrapper._pack, class_name=sensor_wrapper._class_name
        )

    @property
    def datastore_service(self):
        """The datastore behind the methods here."""
        return self._datastore_service

    def get_logger(self, name):
        """Return a mock: tests can ask what was logged."""
        del name
        return self._logger

    def dispatch(self, trigger, payload=None, trace_tag=None):
        """Remember a trigger."""
        item = {"trigger": trigger, "payload": payload, "trace_tag": trace_tag}
        self.dispatched_triggers.append(item)
        return item

    def dispatch_with_context(self, trigger, payload=None, trace_context=None):
        """Remember a trigger."""
        item = {"trigger": trigger, "payload": payload, "trace_context": trace_context}
        self.dispatched_triggers.append(item)
        return item

    def get_user_info(self):
        """See MockDatastoreService."""
        return self._datastore_service.get_user_info()

    def list_values(self, local=True, limit=None, prefix=None):
        """See MockDatastoreService."""
        return self._datastore_service.list_values(local=local, limit=limit, prefix=prefix)

    def get_value(self, name, local=True, scope="system", decrypt=False):
        """See MockDatastoreService."""
        return self._datastore_service.get_value(name, local=local, scope=scope, decrypt=decrypt)

    def set_value(self, name, value, ttl=None, local=True, scope="system", encrypt=False):
        """See MockDatastoreService."""
        return self._datastore_service.set_value(name, value, ttl=ttl, local=local, scope=scope, encrypt=encrypt)

    def delete_value(self, name, local=True, scope="system"):
        """See MockDatastoreService."""
        return self._datastore_service.delete_value(name, local=local, scope=scope)
