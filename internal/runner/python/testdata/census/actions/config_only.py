from st2common.runners.base_action import Action


class ConfigOnly(Action):
    def __init__(self, config):
        super().__init__(config)
        self.token = self.config["token"]

    def run(self):
        return [self.token, self.config.get("nothing"), self.config.get("nothing", 1), type(self.action_service).__name__]
