from st2common.runners.base_action import Action

import plainhelper  # a module of actions/lib, imported bare


class BaseAction(Action):
    def __init__(self, config):
        super(BaseAction, self).__init__(config)
        self.client = plainhelper.Client(self.config.get("url"))

    def run(self, **kwargs):
        raise NotImplementedError
