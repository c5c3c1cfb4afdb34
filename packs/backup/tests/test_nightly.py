"""The plan of a night out of inventories and catalogue."""

import datetime
import unittest

from lib import answers, catalogue, nightly
from lib.settings import ConfigurationError, Settings, size

UTC = datetime.timezone.utc
NOW = datetime.datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


def config(**more):
    made = {
        "hosts": [
            {"name": "hv1", "address": "hv1:22", "limit": 2, "bandwidth": "100M", "providers": [{"type": "image", "directory": "/img"}]},
            {"name": "hv2", "providers": [{"type": "libvirt", "uri": "qemu:///system"}]},
            {"name": "nas"},
        ],
        "targets": [
            {"name": "t1", "id": "id1", "kind": "nfs", "what": "nas:/t1", "server": "nas", "server_path": "/srv/t1", "bandwidth": "80M", "limit": 4},
            {"name": "t2", "what": "/srv/t2", "server": "nas"},
        ],
        "policies": [
            {"name": "db", "sources": ["db*@*"], "target": "t2", "window": {"start": "22:00", "end": "06:00"}},
            {"name": "rest", "sources": ["*"], "exclude": ["test*"], "target": "t1"},
        ],
    }
    made.update(more)
    return made


def listed(*names, problem=None, incremental=True):
    disk = {"name": "d", "path": "/img/d", "format": "qcow2", "incremental": incremental}
    machines = [{"name": n, "disks": [disk], "allocated": 100, "problem": problem} for n in names]
    return {"host": {"succeeded": True, "return_code": 0, "stdout": {"ok": True, "machines": machines}, "stderr": ""}}


DEAD = {"hv2": {"succeeded": False, "return_code": 255, "stdout": "", "stderr": "", "error": "no answer", "timeout": False}}


def entry(source, stamp, level=0, base=None, target="id1", state="good", verified=True, payload=100):
    return {
        "source": source,
        "stamp": stamp,
        "level": level,
        "base": base,
        "target": target,
        "state": state,
        "payload": payload,
        "stored": payload,
        "verified": {"at": "2026-11-22T02:00:00Z", "ok": True} if verified else None,
    }


def plan(results, entries=(), settings=None, **more):
    settings = settings or Settings(config())
    return nightly.plan(settings, nightly.inventories(settings), results, list(entries), NOW, "run1", **more)


def jobs(made):
    return {j["source"]: j for g in made.groups for j in g["jobs"]}


class NightlyTest(unittest.TestCase):
    def test_groups(self):
        made = plan([listed("web", "db1", "test1"), listed("mail")])
        self.assertEqual(
            [(g["host"]["name"], g["target"]["name"], [j["source"] for j in g["jobs"]]) for g in made.groups],
            [("hv1", "t2", ["db1@hv1"]), ("hv2", "t1", ["mail@hv2"]), ("hv1", "t1", ["web@hv1"])],
        )
        self.assertEqual(made.unprotected, ["test1@hv1"])
        self.assertEqual([g["place"] for g in made.groups], ["/srv/t2", "/run/squall-backup/t1-run1", "/run/squall-backup/t1-run1"])
        got = jobs(made)
        self.assertEqual(got["web@hv1"]["rate_limit"], 20 * 2**20, "a fourth of the target's is less than half of the host's")
        self.assertEqual(got["db1@hv1"]["not_after"], "2026-11-23T06:00:00Z")
        self.assertIsNone(got["web@hv1"]["not_after"])
        self.assertEqual((got["web@hv1"]["host_limit"], got["web@hv1"]["target_limit"]), (2, 4))

    def test_levels(self):
        day = "202611%sT013000Z"
        cases = {
            "nothing there": ([], 0, None),
            "on a full one": ([entry("web@hv1", day % "20")], 1, day % "20"),
            "on a chain": ([entry("web@hv1", day % "20"), entry("web@hv1", day % "21", 1, day % "20")], 2, day % "21"),
            "full one is old": ([entry("web@hv1", day % "16"), entry("web@hv1", day % "22", 1, day % "16")], 0, None),
            "newest is bad": ([entry("web@hv1", day % "20"), entry("web@hv1", day % "21", 1, day % "20", state="bad")], 0, None),
            "base is gone": ([entry("web@hv1", day % "21", 1, day % "20")], 0, None),
            "on another target": ([entry("web@hv1", day % "20", target="id2")], 0, None),
        }
        for name, (entries, level, base) in cases.items():
            with self.subTest(name):
                job = jobs(plan([listed("web"), listed()], entries))["web@hv1"]
                self.assertEqual((job["level"], job["base"]), (level, base), job["why"])
        self.assertEqual(jobs(plan([listed("web"), listed()], cases["on a full one"][0], full=True))["web@hv1"]["level"], 0)
        raw = jobs(plan([listed("web", incremental=False), listed()], cases["on a full one"][0]))["web@hv1"]
        self.assertEqual((raw["level"], raw["why"]), (0, "level 0 only"))

    def test_most_overdue_first(self):
        entries = [entry("a@hv1", "20261122T010000Z"), entry("b@hv1", "20261120T010000Z"), entry("c@hv1", "20261121T010000Z", verified=False)]
        made = plan([listed("a", "b", "c"), listed()], entries)
        self.assertEqual([j["source"] for j in made.groups[0]["jobs"]], ["c@hv1", "b@hv1", "a@hv1"])

    def test_dead_host_and_problems(self):
        made = plan([listed("web", problem="no such file"), DEAD], [entry("mail@hv2", "20261122T010000Z"), entry("old@hv9", "20261122T010000Z")])
        self.assertEqual([(f["source"], f["kind"]) for f in made.failed], [("web@hv1", "failed"), ("mail@hv2", "unreachable")])
        self.assertEqual(plan([listed(), DEAD]).failed[0]["source"], "@hv2", "nothing is known of its machines")

    def test_selection(self):
        made = plan([listed("web", "db1"), listed("mail")], policies=["rest"], sources=["*@hv1"])
        self.assertEqual(list(jobs(made)), ["web@hv1"])
        settings = Settings(config())
        self.assertEqual([i["name"] for i in nightly.inventories(settings, ["*@hv2"])], ["hv2"])

    def test_names(self):
        self.assertEqual(nightly.source_name("my vm/1", "hv1"), "my_vm_1@hv1")
        self.assertEqual(nightly.source_name(".hidden", "hv1"), "hidden@hv1")

    def test_stamps_are_new(self):
        job = jobs(plan([listed("web"), listed()], [entry("web@hv1", "20261123T013000Z")]))["web@hv1"]
        self.assertEqual((job["stamp"], job["stamp_again"]), ("20261123T013002Z", "20261123T013003Z"))


class SettingsTest(unittest.TestCase):
    def test_all_faults_at_once(self):
        wrong = config(
            timezone="Mars/Base",
            policies=[
                {"name": "a b", "sources": ["*"], "target": "t1"},
                {"name": "c", "sources": ["*"], "target": "t9"},
                {"name": "d", "sources": ["*"], "target": "t1", "rpo": "soon"},
            ],
        )
        with self.assertRaises(ConfigurationError) as caught:
            Settings(wrong)
        for words in ("Mars/Base", "a name has letters", "there is no target 't9'", "'soon' is no span"):
            self.assertIn(words, str(caught.exception))

    def test_sizes(self):
        self.assertEqual([size(t) for t in ("200M", "1.5G", 7, None, "2TiB")], [200 << 20, 3 << 29, 7, None, 2 << 40])
        with self.assertRaises(ValueError):
            size("much")


class AnswersTest(unittest.TestCase):
    def test_kinds(self):
        def host(**entry):
            return {"h": dict({"succeeded": False, "return_code": 1, "stdout": "", "stderr": ""}, **entry)}

        cases = [
            (listed("a"), None),
            (host(stdout={"ok": False, "kind": "no-space", "error": "full"}), "no-space"),
            (DEAD, "unreachable"),
            (host(return_code=-9, timeout=True, error="late"), "timeout"),
            (host(stderr="bang\n"), "failed"),
            (None, "lost"),
            ({"error": "x"}, "failed"),
            ("text", "lost"),
            # It said that all was well and then died.
            (host(stdout={"ok": True}, return_code=137), "failed"),
        ]
        for result, kind in cases:
            self.assertEqual(answers.read(result).kind, kind, result)

    def test_outcomes(self):
        self.assertEqual(answers.outcomes([{"output": 1}, None, {"errors": []}, "x"]), [1, None, None, None])
        self.assertEqual(answers.outcomes(None), [])


class CatalogueTest(unittest.TestCase):
    def test_chains(self):
        one, two = entry("a@h", "1"), entry("a@h", "2", 1, "1")
        three = entry("a@h", "3", 1, "gone")
        newest_first = [three, two, one]
        self.assertEqual(catalogue.last_good(newest_first), two)
        self.assertEqual(catalogue.chain(newest_first, two), [one, two])
        self.assertIsNone(catalogue.chain(newest_first, three))
        one["state"] = "bad"
        self.assertIsNone(catalogue.last_good(newest_first))
