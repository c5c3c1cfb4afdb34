"""What follows a failure."""

import unittest

from judge import Judge
from test_nightly import DEAD


def said(kind):
    return {"h": {"succeeded": False, "return_code": 1, "stdout": {"ok": False, "kind": kind, "error": "because"}, "stderr": ""}}


class JudgeTest(unittest.TestCase):
    def test_follows(self):
        cases = [
            ("prepare", said("no-space"), 1, False, "make room", "failed"),
            ("prepare", said("no-space"), 1, True, "give up", "failed"),
            ("dump", said("no-space"), 1, False, "give up", "failed"),
            ("dump", said("missed"), 1, False, "give up", "missed"),
            ("dump", None, 1, False, "once more", "failed"),
            ("dump", None, 2, False, "give up", "failed"),
            ("dump", DEAD, 1, False, "give up", "failed"),
            ("verify", said("corrupt"), 1, False, "again", "failed"),
            ("verify", said("corrupt"), 2, False, "give up", "failed"),
            ("verify", said("missing-tool"), 1, False, "give up", "failed"),
        ]
        for step, result, attempt, pruned, follows, state in cases:
            got = Judge().run(source="a@h", step=step, result=result, attempt=attempt, pruned=pruned)
            self.assertEqual((got["follows"], got["outcome"]["state"]), (follows, state), (step, result, attempt))
