"""What verification writes down, with the datastore in memory."""

import json

from st2tests.base import BaseActionTestCase
from test_nightly import config, entry
from verify_record import VerifyRecord

OK = {"h": {"succeeded": True, "return_code": 0, "stdout": {"ok": True, "depth": "content"}, "stderr": ""}}
CORRUPT = {"h": {"succeeded": False, "return_code": 1, "stdout": {"ok": False, "kind": "corrupt", "error": "block 4"}, "stderr": ""}}
DOWN = {"h": {"succeeded": False, "return_code": 255, "stdout": "", "stderr": "", "error": "no answer"}}


class VerifyRecordTest(BaseActionTestCase):
    action_cls = VerifyRecord

    def setUp(self):
        super().setUp()
        self.action = self.get_action_instance(config=config())
        for e in (entry("a@hv1", "1"), entry("a@hv1", "2", 1, "1"), entry("a@hv1", "3", 2, "2"), entry("b@hv1", "1")):
            self.action.action_service.set_value("backup.copy.%s.%s" % (e["source"], e["stamp"]), json.dumps(e), local=False)

    def state(self, source, stamp):
        return json.loads(self.action.action_service.get_value("backup.copy.%s.%s" % (source, stamp), local=False))

    def run_on(self, results, before=None):
        jobs = [{"source": s, "stamp": t} for s, t in results]
        return self.action.run(jobs=jobs, results=list(results.values()), before=before, now="2026-11-23T01:00:00Z")

    def test_bad_in_the_middle(self):
        got = self.run_on({("a@hv1", "2"): CORRUPT, ("b@hv1", "1"): OK})
        self.assertEqual([self.state("a@hv1", s)["state"] for s in "123"], ["good", "bad", "bad"])
        self.assertEqual(self.state("b@hv1", "1")["verified"], {"at": "2026-11-23T01:00:00Z", "ok": True, "depth": "content"})
        self.assertEqual([(j["source"], j["stamp"]) for j in got["quarantine"]], [("a@hv1", "2")])
        self.assertEqual([j["stamp"] for j in got["again"]], ["1"], "what it builds on may be what is wrong")
        then = self.run_on({("a@hv1", "1"): CORRUPT}, got["found"])
        self.assertEqual(self.state("a@hv1", "1")["state"], "bad")
        self.assertEqual((then["again"], len(then["found"]["bad"])), ([], 2))

    def test_a_host_that_is_down_says_nothing_of_copies(self):
        got = self.run_on({("a@hv1", "1"): DOWN})
        self.assertEqual(self.state("a@hv1", "1")["state"], "good")
        self.assertEqual((got["quarantine"], got["found"]["problems"]), ([], ["a@hv1/1: no answer"]))
