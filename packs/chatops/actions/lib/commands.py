from st2client.client import Client
from st2client.models.action_alias import ActionAliasMatch
from st2common.runners.base_action import Action


class ChatAction(Action):
    """An action that speaks to the API about chat commands."""

    @property
    def client(self):
        return Client()  # the environment names the server and the execution's token

    def match(self, text):
        """Return the command that a text means, and the format it was written in."""
        return self.client.actionaliases.match(ActionAliasMatch(command=text))

    def run(self, **kwargs):
        raise NotImplementedError
