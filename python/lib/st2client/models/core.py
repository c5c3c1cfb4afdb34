"""Resources and the managers that fetch them."""

import json
import urllib.parse

from st2client.utils import httpclient

__all__ = ["Resource", "ResourceManager"]

_PAGE = 100


def _quote(text):
    return urllib.parse.quote(str(text), safe="")


class Resource:
    """Something the API has: its members are attributes."""

    _alias = None
    _display_name = None
    _plural = None
    _plural_display_name = None
    _url_path = None
    _repr_attributes = []

    def __init__(self, *_args, **kwargs):
        for name, value in kwargs.items():
            setattr(self, name, value)

    def to_dict(self, exclude_attributes=None):
        """Return the members as a dict."""
        exclude = exclude_attributes or []
        return {name: value for name, value in vars(self).items() if name not in exclude}

    @classmethod
    def get_alias(cls):
        """Return the name of the type."""
        return cls._alias or cls.__name__

    @classmethod
    def get_display_name(cls):
        """Return the name of the type for people."""
        return cls._display_name or cls.__name__

    @classmethod
    def get_plural_name(cls):
        """Return the plural of the type's name."""
        return cls._plural or cls.__name__ + "s"

    @classmethod
    def get_plural_display_name(cls):
        """Return the plural of the type's name for people."""
        return cls._plural_display_name or cls.get_plural_name()

    @classmethod
    def get_url_path_name(cls):
        """Return the path below the API's root."""
        return cls._url_path or cls.get_plural_name().lower()

    @classmethod
    def deserialize(cls, doc):
        """Make one of a document, which may be text."""
        if not isinstance(doc, dict):
            doc = json.loads(doc)
        return cls(**doc)

    def serialize(self):
        """Return the document to send."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __repr__(self):
        names = self._repr_attributes or [n for n in ("id", "name", "ref") if hasattr(self, n)]
        return "<%s %s>" % (type(self).__name__, ",".join("%s=%s" % (n, getattr(self, n, None)) for n in names))


class ResourceManager:
    """Fetches, creates, changes and deletes resources of one type.

    Every method raises HTTPError when the server refuses; getting one that is not
    there returns None.
    """

    def __init__(self, resource, endpoint, cacert=None, debug=False, **auth):
        self.resource = resource
        self.endpoint = endpoint
        self.client = httpclient.HTTPClient(endpoint, cacert=cacert, debug=debug, **auth)
        self.path = "/" + resource.get_url_path_name()

    def get_all(self, limit=None, include_attributes=None, exclude_attributes=None, **kwargs):
        """Return all resources, or the first limit; further arguments are filters."""
        return self.get_all_with_count(limit, include_attributes, exclude_attributes, **kwargs)[0]

    def get_all_with_count(self, limit=None, include_attributes=None, exclude_attributes=None, **kwargs):
        """Return the resources and how many there are."""
        params = {k: v for k, v in kwargs.items() if v is not None and k not in ("user", "params")}
        params.update(kwargs.get("params") or {})
        if include_attributes:
            params["include_attributes"] = _joined(include_attributes)
        if exclude_attributes:
            params["exclude_attributes"] = _joined(exclude_attributes)
        return self._list(self.path + "/", params, None if limit in (None, -1) else int(limit))

    def _list(self, path, params, limit):
        docs, offset = [], int(params.pop("offset", 0) or 0)
        while True:
            page = _PAGE if limit is None else min(_PAGE, limit - len(docs))
            response = self.client.get(path, params=dict(params, limit=page, offset=offset))
            if response.status_code == 404 and not docs:
                return [], 0
            response.raise_for_status()
            got = response.json()
            docs += got
            offset += len(got)
            total = int(response.headers.get("X-Total-Count") or offset)
            if not got or offset >= total or (limit is not None and len(docs) >= limit):
                return [self.resource.deserialize(doc) for doc in docs], total

    def get_by_id(self, id, **kwargs):  # noqa: A002 - the name is StackStorm's
        """Return one by its id, None when there is none."""
        params = dict(kwargs.get("params") or {})
        response = self.client.get("%s/%s" % (self.path, _quote(id)), params=params)
        if response.status_code == 404:
            return None
        response.raise_for_status()
        return self.resource.deserialize(response.json())

    def get_property(self, id_, property_name, self_deserialize=True, **kwargs):
        """Return a sub-resource such as the children of an execution."""
        response = self.client.get("%s/%s/%s/" % (self.path, _quote(id_), property_name), params=kwargs.get("params"))
        if response.status_code == 404:
            return None
        response.raise_for_status()
        doc = response.json()
        if not self_deserialize:
            return doc
        return [self.resource.deserialize(d) for d in doc] if isinstance(doc, list) else self.resource.deserialize(doc)

    def get_by_ref_or_id(self, ref_or_id, **kwargs):
        """Return one by its reference or id."""
        return self.get_by_id(ref_or_id, **kwargs)

    def get_by_ref(self, **kwargs):
        """Return one by its reference, ref=..."""
        return self.get_by_id(kwargs.pop("ref"), **kwargs)

    def get_by_name(self, name, **kwargs):
        """Return one by its name, None when there is none; several are an error."""
        found = self.query(name=name, **kwargs)
        if len(found) > 1:
            raise Exception('More than one %s named "%s" are found.' % (self.resource.__name__.lower(), name))
        return found[0] if found else None

    def query(self, **kwargs):
        """Return those that match, such as name=..., pack=..."""
        return self.query_with_count(**kwargs)[0]

    def query_with_count(self, **kwargs):
        """Return those that match, and how many there are."""
        if not kwargs:
            raise Exception("Query parameter is not provided.")
        params = {k: str(v) for k, v in kwargs.items() if v is not None and k not in ("limit", "params", "token")}
        params.update(kwargs.get("params") or {})
        limit = kwargs.get("limit")
        return self._list(self.path + "/", params, None if limit in (None, -1) else int(limit))

    def create(self, instance, **kwargs):
        """Create one and return it as the server has it."""
        response = self.client.post(self.path, instance.serialize(), params=kwargs.get("params"))
        response.raise_for_status()
        return self.resource.deserialize(response.json())

    def update(self, instance, **kwargs):
        """Change one and return it as the server has it."""
        response = self.client.put(
            "%s/%s" % (self.path, _quote(instance.id)), instance.serialize(), params=kwargs.get("params")
        )
        response.raise_for_status()
        return self.resource.deserialize(response.json())

    def delete(self, instance, **kwargs):
        """Delete one; returns whether there was one."""
        return self.delete_by_id(instance.id, **kwargs)

    def delete_by_id(self, instance_id, **kwargs):
        """Delete one by its id; returns whether there was one, or what the server answers."""
        response = self.client.delete("%s/%s" % (self.path, _quote(instance_id)), params=kwargs.get("params"))
        if response.status_code == 404:
            return False
        response.raise_for_status()
        try:
            return response.json()
        except ValueError:
            return True

    def __repr__(self):
        return "<%s of %s at %s>" % (type(self).__name__, self.resource.__name__, self.endpoint)


def _joined(names):
    return names if isinstance(names, str) else ",".join(names)


def add_auth_token_to_kwargs_from_env(func):
    """Return func: a manager knows its token already."""
    return func


def add_auth_token_to_kwargs_from_cli(func):
    """Return func: see add_auth_token_to_kwargs_from_env."""
    return func


