"""Chat commands that were given."""

from st2client.models.core import Resource, ResourceManager

__all__ = ["ActionAliasExecution", "ActionAliasExecutionManager"]


class ActionAliasExecution(Resource):
    """A chat command that was given."""

    _alias = "Alias-Execution"
    _display_name = "ActionAlias Execution"
    _plural = "AliasExecutions"
    _url_path = "aliasexecution"


class ActionAliasExecutionManager(ResourceManager):
    """Gives chat commands."""

    def match_and_execute(self, instance, **_kwargs):
        """Find the command of a text and run it."""
        response = self.client.post("%s/match_and_execute" % self.path, instance.serialize())
        response.raise_for_status()
        return self.resource.deserialize(response.json()["results"][0])
