"""The planner over many nights (acceptance B8)."""

import random
import unittest

from lib.planner import Source, choose_fulls, overdue


def nights_of(sizes, cycle, nights, arrivals=None, skip=()):
    """Run the planner night by night; return {source: nights of its full copies} and
    the bytes of full copies of each night."""
    last, fulls, loads = {}, {name: [] for name in sizes}, []
    for tonight in range(nights):
        if tonight in skip:
            loads.append(0)
            continue
        there = [n for n in sizes if (arrivals or {}).get(n, 0) <= tonight]
        sources = [Source(n, sizes[n], tonight - last[n] if n in last else None) for n in there]
        chosen = choose_fulls(sources, cycle)
        for name in chosen:
            last[name] = tonight
            fulls[name].append(tonight)
        loads.append(sum(sizes[n] for n in chosen))
    return fulls, loads


def widest(days, end):
    return max(b - a for a, b in zip(days, days[1:] + [end]))


SHAPES = {
    "even": lambda rng: rng.uniform(1, 100),
    "triangular": lambda rng: rng.triangular(5, 200, 20),
    "many small, few large": lambda rng: min(120.0, rng.lognormvariate(3, 1)),
}


class PlannerTest(unittest.TestCase):
    def test_every_source_in_every_cycle_and_even_nights(self):
        cycle, nights = 7, 63
        for shape, draw in SHAPES.items():
            for seed in range(12):
                rng = random.Random(seed)
                sizes = {"vm%02d" % i: int(draw(rng) * 2**30) for i in range(50)}
                fulls, loads = nights_of(sizes, cycle, nights)
                with self.subTest(shape=shape, seed=seed):
                    for name, days in fulls.items():
                        self.assertEqual(days[0], 0, "protected in the first night")
                        self.assertLessEqual(widest(days, nights), cycle, name)
                    # The first night protects everything; evening out is for those after it.
                    settled = loads[1:]
                    self.assertLessEqual(max(settled), 1.3 * sum(settled) / len(settled))
                    # Evening out does not cost more full copies than it has to.
                    later = loads[cycle:]
                    self.assertLessEqual(sum(later) / len(later), 1.1 * sum(sizes.values()) / cycle)

    def test_new_sources_and_lost_nights(self):
        cycle, nights = 7, 70
        for seed in range(6):
            rng = random.Random(seed)
            sizes = {"vm%02d" % i: rng.randint(1, 100) for i in range(60)}
            arrivals = {"vm%02d" % i: rng.randint(1, 30) for i in range(40, 60)}
            skip = {20, 21}
            fulls, loads = nights_of(sizes, cycle, nights, arrivals, skip)
            with self.subTest(seed=seed):
                for name, days in fulls.items():
                    self.assertIn(days[0], {arrivals.get(name, 0), 22}, "in its first night")
                    self.assertLessEqual(widest(days, nights), cycle + len(skip))
                settled = loads[45:]
                self.assertLessEqual(max(settled), 1.3 * sum(settled) / len(settled))

    def test_one_giant(self):
        sizes = dict({"giant": 1000}, **{"vm%02d" % i: 10 for i in range(40)})
        fulls, loads = nights_of(sizes, 7, 70)
        self.assertLessEqual(widest(fulls["giant"], 70), 7)
        self.assertLessEqual(max(loads[8:]), 1000 + 60, "with the giant comes little else")

    def test_reasons(self):
        sources = [Source("new", 5, None), Source("old", 5, 9), Source("raw", 5, 1, incremental=False), Source("fresh", 5, 0)]
        got = choose_fulls(sources, 7)
        self.assertEqual((got["new"], got["old"], got["raw"]), ("first", "due", "level 0 only"))
        self.assertNotIn("fresh", got, "it has been dumped in full tonight already")
        self.assertEqual(choose_fulls([], 7), {})
        self.assertEqual(choose_fulls([Source("a", 0, 1)], 1), {"a": "due"})

    def test_overdue_first(self):
        self.assertEqual(sorted([1.5, overdue(None, 60), overdue(30, 60)], reverse=True), [float("inf"), 1.5, 0.5])
