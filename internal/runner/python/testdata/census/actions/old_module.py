import st2actions.runners.pythonrunner as runner
from st2actions.runners import pythonrunner


class Old(pythonrunner.Action):
    def run(self):
        return runner.Action is pythonrunner.Action
