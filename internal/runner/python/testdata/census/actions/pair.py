from st2common.runners.base_action import Action


class Pair(Action):
    def run(self, how):
        if how == "ok":
            return (True, {"v": 1})
        if how == "failed":
            return (False, "no such thing")
        if how == "computed":
            rc = 1
            return (rc == 0, rc)
        if how == "odd":
            return ("a", "b")
        if how == "three":
            return (False, 1, 2)
        if how == "false":
            return False
        if how == "nothing":
            return
        if how == "object":
            return (False, {1})
