import shared  # of the pack's own lib, which has to be allowed
from st2common.runners.base_action import Action


class PackLib(Action):
    def run(self):
        return shared.NAME
