import time

from lib.commands import ChatAction
from st2client.models.aliasexecution import ActionAliasExecution
from st2common.constants.action import LIVEACTION_COMPLETED_STATES

PAUSES = (0.1, 0.2, 0.5, 1, 2)


class MatchAndExecute(ChatAction):
    def run(self, text, source_channel=None, user=None):
        alias, representation = self.match(text)
        command = ActionAliasExecution(
            name=alias.name, format=representation, command=text, source_channel=source_channel or ""
        )
        if user:
            command.user = user
        execution = self.client.actionaliasexecutions.create(command).execution["id"]
        pause = 0
        while self.client.executions.get_by_id(execution).status not in LIVEACTION_COMPLETED_STATES:
            time.sleep(PAUSES[min(pause, len(PAUSES) - 1)])
            pause += 1
        return execution
