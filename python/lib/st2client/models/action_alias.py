"""Aliases: chat commands."""

from st2client.models.core import Resource, ResourceManager

__all__ = ["ActionAlias", "ActionAliasMatch", "ActionAliasManager"]


class ActionAlias(Resource):
    """A chat command."""

    _alias = "Action-Alias"
    _display_name = "Action Alias"
    _plural = "ActionAliases"
    _plural_display_name = "Action Aliases"
    _url_path = "actionalias"
    _repr_attributes = ["name", "pack", "action_ref"]


class ActionAliasMatch(Resource):
    """A text to find the command of."""

    _alias = "ActionAliasMatch"
    _plural = "ActionAliasMatches"
    _url_path = "actionalias"


class ActionAliasManager(ResourceManager):
    """Aliases: which one a text means."""

    def match(self, instance, **_kwargs):
        """Return (alias, representation of the format that matched)."""
        response = self.client.post("%s/match" % self.path, instance.serialize())
        response.raise_for_status()
        match = response.json()
        return self.resource.deserialize(match["actionalias"]), match["representation"]
