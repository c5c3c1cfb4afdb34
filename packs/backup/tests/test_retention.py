"""Grandfather, father, son over three years, against another way to say it (acceptance B7)."""

import datetime
import random
import unittest

from lib.retention import Copy, Retention, decide

UTC = datetime.timezone.utc
START = datetime.datetime(2024, 1, 1, 1, 30, tzinfo=UTC)


def reference(copies, retention):
    """Return the stamps to keep, said with sets: of every period the newest good copy, of
    the periods the newest ones, and all that they build on."""
    stamps = {c.stamp: c for c in copies}

    def usable(copy):
        return copy.good and (copy.base is None or (copy.base in stamps and usable(stamps[copy.base])))

    good = [c for c in copies if usable(c)]
    keep = {c.stamp for c in copies if c.held}
    names = {
        "daily": "%Y-%m-%d",
        "weekly": "%G-%V",
        "monthly": "%Y-%m",
        "yearly": "%Y",
    }
    for name, form in names.items():
        best = {}
        for copy in good:
            period = copy.when.strftime(form)
            if period not in best or best[period].when < copy.when:
                best[period] = copy
        keep |= {best[p].stamp for p in sorted(best)[-getattr(retention, name) or len(best) :]} if getattr(retention, name) else set()
    for some in (good, [c for c in good if c.verified]):
        if some:
            keep.add(max(some, key=lambda c: c.when).stamp)
    while True:
        bases = {stamps[s].base for s in keep} & set(stamps)
        if bases <= keep:
            return keep
        keep |= bases


def three_years(rng):
    """Yield (now, copies) night after night; copies is what is on the target before the
    night is pruned, and the caller removes from it."""
    copies, full = [], None
    for day in range(3 * 365):
        if rng.random() < 0.05:  # no run
            continue
        now = START + datetime.timedelta(days=day, minutes=rng.randint(0, 240))
        level_0 = full is None or day - full >= 7 or rng.random() < 0.05
        base = None if level_0 else copies[-1].stamp
        if base is None:
            full = day
        copies.append(
            Copy(
                now.strftime("%Y%m%dT%H%M%SZ"),
                now,
                base,
                good=rng.random() > 0.03,
                verified=rng.random() > 0.2,
                held=rng.random() < 0.005,
            )
        )
        if not copies[-1].good:
            full = None  # the next one is of level 0
        yield now, copies


class RetentionTest(unittest.TestCase):
    def test_three_years(self):
        for seed in range(2):
            rng = random.Random(seed)
            rules = Retention(
                daily=rng.randint(1, 10),
                weekly=rng.randint(0, 6),
                monthly=rng.randint(0, 14),
                yearly=rng.randint(0, 3),
                keep_bad=datetime.timedelta(0),
            )
            most = 0
            for now, copies in three_years(rng):
                decision = decide(copies, rules, now + datetime.timedelta(seconds=1))
                have = {c.stamp for c in copies}
                self.assertEqual(set(decision.kept), reference(copies, rules), (seed, now))
                self.assertEqual(have, set(decision.kept) | set(decision.remove))
                self.assertFalse(set(decision.kept) & set(decision.remove))
                good = [c for c in copies if c.good]
                if good and good[-1] is copies[-1]:
                    self.assertIn(copies[-1].stamp, decision.kept, "the newest good copy stays")
                self.check_order(copies, decision)
                copies[:] = [c for c in copies if c.stamp in decision.kept]
                held = sum(c.held for c in copies)
                most = max(most, len(copies) - 8 * held)
            # Chains of up to a week stand behind every copy that is kept.
            self.assertLess(most, 8 * (rules.daily + rules.weekly + rules.monthly + rules.yearly + 2))

    def check_order(self, copies, decision):
        """What builds on others goes first: stopped anywhere, no chain lacks its base."""
        base = {c.stamp: c.base for c in copies}
        for i, stamp in enumerate(decision.remove):
            self.assertNotIn(stamp, [base[s] for s in decision.remove[i:]] + [base[s] for s in decision.kept])

    def test_nothing_is_removed_without_a_fresh_verified_copy(self):
        now = START + datetime.timedelta(days=30)
        old = [Copy("a", START, verified=True), Copy("b", START + datetime.timedelta(days=1), verified=True)]
        rules, rpo = Retention(daily=1, weekly=0, monthly=0), datetime.timedelta(hours=26)
        got = decide(old, rules, now, rpo)
        self.assertEqual((got.remove, set(got.kept)), ([], {"a", "b"}))
        self.assertIn("older than its objective", got.refused)
        unverified = old + [Copy("c", now, verified=False)]
        self.assertEqual(decide(unverified, rules, now, rpo).remove, [])
        fresh = old + [Copy("c", now, verified=True)]
        self.assertEqual(decide(fresh, rules, now, rpo).remove, ["b", "a"])
        self.assertIn("no copy", decide([Copy("a", START, verified=False)], rules, now, rpo).refused)

    def test_bad_copies(self):
        now = START + datetime.timedelta(days=20)
        copies = [
            Copy("0", START),
            Copy("1", START + datetime.timedelta(days=1), base="0", good=False),
            Copy("2", START + datetime.timedelta(days=2), base="1"),
            Copy("3", START + datetime.timedelta(days=3)),
        ]
        got = decide(copies, Retention(daily=9, weekly=0, monthly=0), now)
        self.assertEqual(set(got.kept), {"0", "3"}, "what builds on a bad copy is none")
        self.assertEqual(got.remove, ["2", "1"])
        young = decide(copies, Retention(daily=9, keep_bad=datetime.timedelta(days=30)), now)
        self.assertIn("1", young.kept)

    def test_only_copy_stays(self):
        copy = Copy("a", START)
        none = Retention(last=0, daily=0, weekly=0, monthly=0, yearly=0)
        self.assertEqual(decide([copy], none, START + datetime.timedelta(days=9999)).remove, [])
