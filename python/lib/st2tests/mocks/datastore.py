"""A datastore in memory."""

from st2client.models import KeyValuePair
from st2common.services.datastore import SYSTEM_SCOPE, BaseDatastoreService

__all__ = ["MockDatastoreService"]


class MockDatastoreService(BaseDatastoreService):
    """A datastore in memory. Encrypting is not imitated: values stay readable."""

    def __init__(self, logger=None, pack_name="dummy", class_name="Dummy", **_kwargs):
        super().__init__(logger, pack_name, class_name)
        self._pairs = {}

    def list_values(self, local=True, limit=None, prefix=None):
        start = (self._prefix() if local else "") + (prefix or "")
        found = [pair for name, pair in sorted(self._pairs.items()) if name.startswith(start)]
        return found if limit is None else found[:limit]

    def get_value(self, name, local=True, scope=SYSTEM_SCOPE, decrypt=False):
        self._check(scope)
        pair = self._pairs.get(self._full_name(name, local))
        return pair.value if pair is not None else None

    def set_value(self, name, value, ttl=None, local=True, scope=SYSTEM_SCOPE, encrypt=False):
        if ttl:
            raise ValueError('MockDatastoreService.set_value doesn\'t support "ttl" argument')
        self._check(scope)
        name = self._full_name(name, local)
        self._pairs[name] = KeyValuePair(id=name, name=name, value=value)
        return True

    def delete_value(self, name, local=True, scope=SYSTEM_SCOPE):
        self._check(scope)
        return self._pairs.pop(self._full_name(name, local), None) is not None

    def get_user_info(self):
        return {"username": "stanley", "rbac": {"enabled": False, "roles": [], "is_admin": True}}
