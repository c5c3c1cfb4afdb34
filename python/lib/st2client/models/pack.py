"""Packs."""

from st2client.models.core import Resource, ResourceManager

__all__ = ["Pack", "PackManager"]


class Pack(Resource):
    """A pack."""

    _plural = "Packs"
    _repr_attributes = ["name", "description", "version", "author"]


class Started(Resource):
    """The execution that does what was asked for."""


class PackManager(ResourceManager):
    """Packs: installing, removing, registering them."""

    def install(self, packs, force=False, python3=False, skip_dependencies=False, **_kwargs):
        """Begin to install packs; returns the execution that does it."""
        del python3
        return self._post("install", {"packs": packs, "force": force, "skip_dependencies": skip_dependencies})

    def remove(self, packs, **_kwargs):
        """Begin to remove packs; returns the execution that does it."""
        return self._post("uninstall", {"packs": packs})

    uninstall = remove

    def register(self, packs=None, types=None, **_kwargs):
        """Register the content of packs; returns how much of each type there is."""
        body = {key: value for key, value in (("packs", packs), ("types", types)) if value}
        return self._post("register", body)

    def search(self, args=None, ignore_errors=False, **kwargs):
        """Return the packs of the index that match query= or pack=."""
        del ignore_errors
        body = {"query": " ".join(args.query)} if args is not None and hasattr(args, "query") else kwargs
        response = self.client.post("%s/index/search" % self.path, body)
        response.raise_for_status()
        doc = response.json()
        return [Pack(**d) for d in doc] if isinstance(doc, list) else Pack(**doc) if doc else None

    def _post(self, what, body):
        response = self.client.post("%s/%s" % (self.path, what), body)
        response.raise_for_status()
        return Started(**response.json())
