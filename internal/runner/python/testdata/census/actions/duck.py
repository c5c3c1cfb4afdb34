class Duck(object):
    def __init__(self, config, action_service=None):
        self.config = config

    def run(self, **kwargs):
        return sorted(kwargs)


class _Helper(object):
    pass
