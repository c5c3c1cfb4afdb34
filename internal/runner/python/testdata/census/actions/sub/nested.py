import neighbour
from st2common.runners.base_action import Action


class Nested(Action):
    def run(self):
        return neighbour.NAME
