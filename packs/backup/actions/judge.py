from st2common.runners.base_action import Action

from lib import answers

# What the host says when there is no room, so that old copies may go before their time
# has come again.
NO_SPACE = "no-space"


class Judge(Action):
    """Says what follows the failure of a step."""

    def run(self, source, step, result, attempt, pruned):
        answer = answers.read(result)
        kind, error = answer.kind or "failed", answer.error or "no reason was given"
        follows = "give up"
        if step == "prepare" and kind == NO_SPACE and not pruned:
            follows = "make room"
        elif step == "dump" and kind == answers.LOST and attempt == 1:
            follows = "once more"
        elif step == "verify" and kind == "corrupt" and attempt == 1:
            follows = "again"
        return {
            "follows": follows,
            "outcome": {"source": source, "state": "missed" if kind == "missed" else "failed", "step": step, "kind": kind, "error": error},
        }
