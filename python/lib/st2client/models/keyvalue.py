"""The datastore."""

from st2client.models.core import Resource, ResourceManager, _quote

__all__ = ["KeyValuePair", "KeyValuePairManager"]


class KeyValuePair(Resource):
    """A name, its value and what belongs to it."""

    _alias = "Key"
    _display_name = "Key Value Pair"
    _plural = "Keys"
    _plural_display_name = "Key Value Pairs"
    _repr_attributes = ["name", "value"]

    # Members that may be missing in a document.
    id = None
    name = None
    value = None
    ttl = None
    secret = False
    scope = "system"

    def serialize(self):
        doc = super().serialize()
        doc.setdefault("name", self.name)
        doc.pop("uid", None)
        doc.pop("expire_timestamp", None)
        return doc


class KeyValuePairManager(ResourceManager):
    """Keys: their id is their name."""

    def get_by_name(self, name, **kwargs):
        """Return a pair, None when there is none; scope= and decrypt=True as in the API."""
        params = dict(kwargs.get("params") or {})
        for option in ("scope", "decrypt", "user"):
            if kwargs.get(option) is not None:
                value = kwargs[option]
                params[option] = str(value).lower() if isinstance(value, bool) else value
        return self.get_by_id(name, params=params)

    def get_all(self, limit=None, include_attributes=None, exclude_attributes=None, **kwargs):
        if "decrypt" in kwargs:
            kwargs["decrypt"] = str(kwargs["decrypt"]).lower()
        return super().get_all(limit, include_attributes, exclude_attributes, **kwargs)

    def update(self, instance, **kwargs):
        name = instance.id or instance.name
        response = self.client.put("%s/%s" % (self.path, _quote(name)), instance.serialize(), params=kwargs.get("params"))
        response.raise_for_status()
        return self.resource.deserialize(response.json())

    create = update

    def delete(self, instance, **kwargs):
        params = dict(kwargs.get("params") or {})
        params.setdefault("scope", instance.scope)
        return self.delete_by_id(instance.id or instance.name, params=params)
