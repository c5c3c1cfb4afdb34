from st2actions.runners.pythonrunner import Action


class Old(Action):
    def run(self, a, b=5):
        return {"a": a, "b": b}
