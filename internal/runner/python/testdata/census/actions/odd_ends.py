import logging
import threading
import warnings

from st2common.runners.base_action import Action


class OddEnds(Action):
    def run(self, how):
        if how == "input":
            return input()
        if how == "thread":
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start()
            thread.join()
            return "went on"
        if how == "root":
            logging.getLogger("mine").warning("to the last resort")
        if how == "basic":
            logging.basicConfig(level=logging.INFO)
            logging.getLogger("mine").info("mine")
            self.logger.info("own")
        if how == "warn":
            warnings.warn("careful")
        if how == "nan":
            return {"a": [float("nan"), float("-inf"), "NaN"], "b": 10**30}
        if how == "exit":
            exit(4)
