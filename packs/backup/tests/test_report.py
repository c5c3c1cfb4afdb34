"""What administrators read."""

import datetime
import unittest

from lib import report
from lib.instants import Window, night, short_span, span
from lib.settings import Settings
from test_nightly import NOW, config, entry

good = {"source": "a@h", "state": "good", "stamp": "9", "level": 0, "payload": 10, "stored": 5, "seconds": 61}
bad = {"source": "b@<h>", "state": "failed", "step": "dump", "kind": "no-space", "error": "the target is full"}


class ReportTest(unittest.TestCase):
    def run_report(self, *outcomes):
        return report.run_report(list(outcomes), NOW, {"b@<h>": datetime.timedelta(hours=30)}, [("Warnings", ["one"]), ("Nothing", [])])

    def test_states(self):
        for outcomes, state, subject in [
            ([good], "succeeded", "Backup succeeded: 1 source, 5 B"),
            ([good, bad], "partial", "Backup PARTIAL: 1 of 2 sources failed"),
            ([bad], "failed", "Backup FAILED: 1 source"),
            ([], "failed", "Backup FAILED: there was nothing to back up"),
        ]:
            got = self.run_report(*outcomes)
            self.assertEqual((got["state"], got["subject"]), (state, subject))

    def test_texts(self):
        got = self.run_report(good, bad)
        for words in ("b@<h>", "no-space", "the target is full", "1d 6h old", "Warnings:", "1m 1s"):
            self.assertIn(words, got["text"])
        self.assertNotIn("Nothing", got["text"])
        self.assertIn("b@&lt;h&gt;", got["html"])
        self.assertNotIn("<h>", got["html"])

    def test_long_reasons(self):
        reason = "the disk vda of b is not what was read: " + "x" * 40
        lines = self.run_report(dict(bad, error=reason), dict(bad, source="c@h"))["text"].splitlines()
        self.assertIn("      reason: " + reason, lines)
        self.assertIn("      reason: the target is full", lines)
        self.assertLess(max(len(line) for line in lines if "reason:" not in line), 60)

    def test_anomalies(self):
        before = [entry("a@h", str(i), payload=100) for i in range(3)]
        for payload, odd in [(100, 0), (50, 0), (49, 1), (200, 0), (201, 1)]:
            self.assertEqual(len(report.anomalies([dict(good, payload=payload)], before, 0.5, 2.0)), odd, payload)
        self.assertEqual(report.anomalies([dict(good, payload=1)], before[:2], 0.5, 2.0), [], "too few to compare with")
        self.assertEqual(report.anomalies([dict(good, payload=1, level=1)], before, 0.5, 2.0), [], "another kind of copy")

    def test_freshness(self):
        settings = Settings(config())
        entries = [
            entry("ok@hv1", "20261122T013000Z"),
            entry("late@hv1", "20261121T013000Z"),
            entry("unverified@hv1", "20261122T013000Z", verified=False),
        ]
        rows = report.freshness(settings, entries, {"ok@hv1": {"at": "x", "ok": True, "seconds": 7}}, ["new@hv1"], NOW)
        self.assertEqual(
            [(r["source"], r["status"]) for r in rows], [("new@hv1", "never"), ("unverified@hv1", "never"), ("late@hv1", "late"), ("ok@hv1", "ok")]
        )
        told = report.standing_report(rows, ["x@hv1"], NOW)
        self.assertEqual(told["subject"], "Backups: 3 of 4 sources LATE, 1 machine unprotected")
        self.assertIn("ok in 7s", told["text"])


class InstantsTest(unittest.TestCase):
    def test_spans(self):
        self.assertEqual([span(t).total_seconds() for t in ("90", "26h", "1d12h", "1.5m")], [90, 93600, 129600, 90])
        for wrong in ("", "h", "3 days", "-1h", "5x"):
            with self.assertRaises(ValueError):
                span(wrong)
        spans = [short_span(datetime.timedelta(seconds=s)) for s in (0, 61, 3600, 90061)]
        self.assertEqual(spans, ["0s", "1m 1s", "1h", "1d 1h"])
        self.assertEqual(short_span(None), "never")

    def test_window(self):
        window = Window("22:00", "06:00", "Europe/Berlin")
        at = lambda h: datetime.datetime(2026, 11, 23, h, 30, tzinfo=datetime.timezone.utc)  # noqa: E731
        self.assertEqual(window.end_after(at(21)).isoformat(), "2026-11-24T05:00:00+00:00")
        self.assertEqual(window.end_after(at(4)).isoformat(), "2026-11-23T05:00:00+00:00")
        self.assertIsNone(window.end_after(at(5)))
        self.assertIsNone(window.end_after(at(12)))

    def test_night(self):
        evening = datetime.datetime(2026, 11, 22, 22, tzinfo=datetime.timezone.utc)
        self.assertEqual(night(evening), night(evening + datetime.timedelta(hours=5)))
        self.assertEqual(night(evening) + 1, night(evening + datetime.timedelta(days=1)))
