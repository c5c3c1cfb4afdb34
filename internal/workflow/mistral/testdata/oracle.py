"""Runs workflows in the Mistral engine, in process, and says how they end.

Standard input: a JSON list of {"id", "text", "workflow", "input", "params",
"actions"}; the texts' workflows have different names. "workbook" says that a
text is one, "parse" that it is only to be accepted or refused. "actions" are names that are registered as stubs: each returns
{"result": its input, "stdout": its name}, or fails when its input has "fail";
those of the pack hpe_icsp add what its workflows look for.
Standard output: one line of JSON for each, with the state, the output and the
tasks, or "refused" with the message when Mistral does not accept the text.
"""

import json
import logging
import sys
import time
import unittest

import eventlet

eventlet.monkey_patch()

from mistral.db.v2 import api as db_api  # noqa: E402
from mistral.scheduler import base as sched_base  # noqa: E402,F401
from mistral.services import workbooks  # noqa: E402
from mistral.services import workflows  # noqa: E402
from mistral.tests.unit.engine import base  # noqa: E402
from mistral_lib import actions  # noqa: E402
from oslo_config import cfg  # noqa: E402

PATIENCE = 60
AT_ONCE = 12


def stub(name):
    class Stub(actions.Action):
        def __init__(self, **kwargs):
            self.given = kwargs

        def run(self, context):
            given = dict(self.given)
            if name.startswith('hpe_icsp.'):
                given.update(mid=5, jobid=6)
            result = {"result": given, "stdout": name}
            if self.given.get("fail"):
                return actions.Result(error=result)
            return result

    return Stub


class Oracle(base.EngineTestCase):
    def setUp(self):
        cfg.CONF.set_default('fixed_delay', 0.1, group='scheduler')
        cfg.CONF.set_default('random_delay', 0, group='scheduler')
        super(Oracle, self).setUp()

    def test_all(self):
        waiting = json.load(sys.stdin)
        for name in sorted({a for c in waiting for a in c.get('actions') or []}):
            self.register_action_class(name, stub(name))
        running = []
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                case = waiting.pop(0)
                started, out = self.start(case)
                if started:
                    running.append((case, started, time.time() + PATIENCE))
                else:
                    say(dict(out, id=case['id']))
            eventlet.sleep(0.05)
            still = []
            for case, ident, end in running:
                out = self.look(ident, time.time() > end)
                if out:
                    say(dict(out, id=case['id']))
                else:
                    still.append((case, ident, end))
            running = still

    def start(self, case):
        try:
            create = workbooks.create_workbook_v2 if case.get('workbook') else workflows.create_workflows
            create(case['text'])
            if case.get('parse'):
                return None, {'state': 'ACCEPTED'}
            ex = self.engine.start_workflow(
                case['workflow'], wf_input=case.get('input') or {}, **(case.get('params') or {}))
            return ex.id, None
        except Exception as e:
            return None, {'refused': str(e)[:300]}

    def look(self, ident, late):
        with db_api.transaction():
            e = db_api.get_workflow_execution(ident)
            unfinished = [t for t in e.task_executions if t.state in ('RUNNING', 'DELAYED')]
            if not late and (e.state not in ('SUCCESS', 'ERROR', 'CANCELLED', 'PAUSED') or unfinished):
                return None
            if e.state == 'ERROR':
                e.output.pop('result', None)  # the same as the info
            return {
                'state': e.state, 'output': e.output, 'info': (e.state_info or '')[:300],
                'tasks': [{'name': t.name, 'state': t.state, 'published': t.published, 'info': (t.state_info or '')[:300]}
                          for t in sorted(e.task_executions, key=lambda t: (t.created_at, t.name))]}


def say(line):
    print(json.dumps(line, default=str), flush=True)


logging.disable(logging.CRITICAL)
if __name__ == '__main__':
    runner = unittest.TextTestRunner(stream=sys.stderr)
    result = runner.run(unittest.defaultTestLoader.loadTestsFromTestCase(Oracle))
    sys.exit(0 if result.wasSuccessful() else 1)
