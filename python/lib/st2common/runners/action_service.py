"""What an action finds as self.action_service."""

from st2common.services.datastore import ActionDatastoreService

__all__ = ["ActionService"]


class ActionService:
    """The execution's datastore and user."""

    def __init__(self, pack, class_name, logger, log_level="DEBUG", auth_token=None, api_url=None):
        self.log_level = log_level
        self._datastore_service = ActionDatastoreService(
            logger=logger, pack_name=pack, class_name=class_name, auth_token=auth_token, api_url=api_url
        )

    @property
    def datastore_service(self):
        """The service behind the methods here."""
        return self._datastore_service

    def get_user_info(self):
        """Return who the execution belongs to."""
        return self._datastore_service.get_user_info()

    def list_values(self, local=True, limit=None, prefix=None):
        """See BaseDatastoreService."""
        return self._datastore_service.list_values(local=local, limit=limit, prefix=prefix)

    def get_value(self, name, local=True, scope="system", decrypt=False):
        """See BaseDatastoreService."""
        return self._datastore_service.get_value(name=name, local=local, scope=scope, decrypt=decrypt)

    def set_value(self, name, value, ttl=None, local=True, scope="system", encrypt=False):
        """See BaseDatastoreService."""
        return self._datastore_service.set_value(
            name=name, value=value, ttl=ttl, local=local, scope=scope, encrypt=encrypt
        )

    def delete_value(self, name, local=True, scope="system"):
        """See BaseDatastoreService."""
        return self._datastore_service.delete_value(name=name, local=local, scope=scope)
