"""Configurations of packs."""

from st2client.models.core import Resource, ResourceManager, _quote

__all__ = ["Config", "ConfigSchema", "ConfigManager"]


class Config(Resource):
    """The configuration of a pack."""

    _plural = "Configs"
    _repr_attributes = ["pack"]


class ConfigSchema(Resource):
    """What a pack can be configured with."""

    _display_name = "Config Schema"
    _plural = "ConfigSchemas"
    _url_path = "config_schemas"
    _repr_attributes = ["pack"]


class ConfigManager(ResourceManager):
    """Configurations: their id is the pack's name."""

    def update(self, instance, **_kwargs):
        response = self.client.put("%s/%s" % (self.path, _quote(instance.pack)), instance.values)
        response.raise_for_status()
        return self.resource.deserialize(response.json())
