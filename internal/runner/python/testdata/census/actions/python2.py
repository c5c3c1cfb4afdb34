from st2common.runners.base_action import Action

class Python2(Action):
    def run(self):
        print "hello"
