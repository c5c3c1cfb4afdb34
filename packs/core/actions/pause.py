import random as chance
import time

from st2common.runners.base_action import Action


class Pause(Action):
    def run(self, max_pause, random=False):
        pause = chance.uniform(0, max_pause) if random else max_pause
        time.sleep(pause)
        return "waited for %.3f seconds" % pause
