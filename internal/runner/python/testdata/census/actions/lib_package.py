from lib.action import BaseAction
from lib.clients import NAME


class GetAction(BaseAction):
    def run(self, path):
        self.logger.info("getting %s", path)
        return [self.client.get(path), NAME]
