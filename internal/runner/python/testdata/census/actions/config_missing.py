from st2common.runners.base_action import Action


class ConfigMissing(Action):
    def run(self):
        return self.config["nothing"]
