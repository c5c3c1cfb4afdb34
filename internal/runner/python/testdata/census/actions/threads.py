import atexit
import threading
import time

from st2common.runners.base_action import Action

atexit.register(lambda: print("at exit"))


class Threads(Action):
    def run(self):
        threading.Thread(target=lambda: (time.sleep(0.2), print("late"))).start()
        self.file = open(self.config["file"], "w")
        self.file.write("buffered")
        return "early"
