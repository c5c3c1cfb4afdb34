class Client(object):
    def __init__(self, url):
        self.url = url

    def get(self, path):
        return "%s/%s" % (self.url, path)
