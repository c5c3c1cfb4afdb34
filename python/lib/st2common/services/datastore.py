"""The datastore for actions and sensors, through the API."""

__all__ = ["BaseDatastoreService", "ActionDatastoreService", "SensorDatastoreService"]

SYSTEM_SCOPE = "system"


class BaseDatastoreService:
    """Values of the datastore.

    A local name gets the prefix PACK.CLASS: so that classes do not meet. Only the
    scope system is open; every value is stored as text.
    """

    DATASTORE_NAME_SEPARATOR = ":"

    def __init__(self, logger, pack_name, class_name):
        self._pack_name = pack_name
        self._class_name = class_name
        self._logger = logger
        self._client = None

    def get_user_info(self):
        """Return who the execution belongs to, and what that user may do."""
        client = self.get_api_client()
        self._logger.debug("Retrieving user information")
        return client.get_user_info()

    def list_values(self, local=True, limit=None, prefix=None):
        """Return the pairs whose names begin with prefix, as objects with name and value."""
        client = self.get_api_client()
        self._logger.debug("Retrieving all the values from the datastore")
        start = self._prefix() if local else ""
        return client.keys.get_all(prefix=start + (prefix or ""), limit=limit)

    def get_value(self, name, local=True, scope=SYSTEM_SCOPE, decrypt=False):
        """Return the text stored under name, None when there is none."""
        self._check(scope)
        name = self._full_name(name, local)
        client = self.get_api_client()
        self._logger.debug("Retrieving value from the datastore (name=%s)", name)
        params = {"decrypt": str(decrypt).lower(), "scope": scope}
        pair = client.keys.get_by_id(id=name, params=params)
        return pair.value if pair is not None else None

    def set_value(self, name, value, ttl=None, local=True, scope=SYSTEM_SCOPE, encrypt=False):
        """Store str(value) under name, for ttl seconds when given; return True."""
        self._check(scope)
        name = self._full_name(name, local)
        client = self.get_api_client()
        self._logger.debug("Setting value in the datastore (name=%s)", name)
        from st2client.models import KeyValuePair

        pair = KeyValuePair(id=name, name=name, value=str(value), scope=scope)
        if encrypt:
            pair.secret = True
        if ttl:
            pair.ttl = ttl
        client.keys.update(pair)
        return True

    def delete_value(self, name, local=True, scope=SYSTEM_SCOPE):
        """Delete what is stored under name; return True, also when there was nothing."""
        self._check(scope)
        name = self._full_name(name, local)
        client = self.get_api_client()
        self._logger.debug("Deleting value from the datastore (name=%s)", name)
        from st2client.models import KeyValuePair

        client.keys.delete(KeyValuePair(id=name, name=name, scope=scope), params={"scope": scope})
        return True

    def get_api_client(self):
        """Return a client of the API with the execution's token."""
        raise NotImplementedError

    def _new_client(self, token, api_url):
        if self._client is None:
            self._logger.debug("Creating new Client object.")
            from st2client.client import Client

            self._client = Client(api_url=api_url, token=token)
        return self._client

    def _prefix(self):
        return "%s.%s%s" % (self._pack_name, self._class_name, self.DATASTORE_NAME_SEPARATOR)

    def _full_name(self, name, local):
        return self._prefix() + name if local else name

    @staticmethod
    def _check(scope):
        if scope != SYSTEM_SCOPE:
            raise ValueError("Scope %s is unsupported." % scope)


class ActionDatastoreService(BaseDatastoreService):
    """The datastore of an action."""

    def __init__(self, logger, pack_name, class_name, auth_token=None, api_url=None):
        super().__init__(logger, pack_name, class_name)
        self._auth_token = auth_token
        self._api_url = api_url

    def get_api_client(self):
        return self._new_client(self._auth_token, self._api_url)


class SensorDatastoreService(BaseDatastoreService):
    """The datastore of a sensor that asks the API itself."""

    def __init__(self, logger, pack_name, class_name, api_username=None, auth_token=None, api_url=None):
        super().__init__(logger, pack_name, class_name)
        self._api_username = api_username
        self._auth_token = auth_token
        self._api_url = api_url

    def get_api_client(self):
        return self._new_client(self._auth_token, self._api_url)
