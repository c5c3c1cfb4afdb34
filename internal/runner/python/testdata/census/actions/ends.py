import sys

from st2common.exceptions.action import InvalidActionParameterException
from st2common.runners.base_action import Action


class Ends(Action):
    def run(self, how):
        print("begun")
        if how == "exit":
            sys.exit(3)
        if how == "exit0":
            sys.exit()
        if how == "text":
            sys.exit("for this reason")
        if how == "raise":
            raise InvalidActionParameterException("not this way")
        if how == "bytes":
            return b"v"
