from st2common.runners.base_action import Action


class Logs(Action):
    def run(self):
        self.logger.setLevel("INFO")
        self.logger.debug("not this")
        self.logger.info("this")
        self.logger.warn("and this")
        try:
            {}["k"]
        except KeyError:
            self.logger.exception("and that")
