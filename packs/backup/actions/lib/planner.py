"""Which sources get a full copy tonight.

Pure: sources in, choices out; the state of past nights is in the ages of the full
copies, so a night that did not take place needs no special case.

A full copy is due when the last one is `cycle` nights old. If that were all, what
was protected on one day would be dumped in full on one night for ever. So a night
that has less than its share takes full copies from the night ahead that has most:
from the first cycle on every night carries about the same (B8: at most 1.3 times
the mean, as far as the largest source allows). A full copy is made earlier, never
later than it is due.
"""

import dataclasses

__all__ = ["Source", "choose_fulls", "overdue"]


@dataclasses.dataclass(frozen=True)
class Source:
    """What the planner knows of a source.

    size: bytes of a full copy. age: nights since the last good full copy, None when
    there is none. incremental: whether a copy of a higher level is possible."""

    name: str
    size: int
    age: "int | None"
    incremental: bool = True


# A night that has this part of its share is left alone: every move costs a full copy
# before its time.
ENOUGH = 0.97


def choose_fulls(sources, cycle):
    """Return {name: reason} of the sources that get a full copy tonight: "first" (there
    is none), "level 0 only", "due", "promoted" (taken from a fuller night)."""
    chosen, nights = {}, [[] for _ in range(cycle)]
    for source in sorted(sources, key=lambda s: (-s.size, s.name)):
        if not source.incremental:
            chosen[source.name] = "level 0 only"
        elif source.age is None:
            chosen[source.name] = "first"
            nights[0].append(source)
        elif source.age >= cycle:
            chosen[source.name] = "due"
            nights[0].append(source)
        else:
            nights[cycle - source.age if source.age > 0 else cycle - 1].append(source)
    share = sum(s.size for night in nights for s in night) / cycle
    load = [sum(s.size for s in night) for night in nights]
    for _ in range(cycle):
        fullest = max(range(1, cycle), key=lambda n: load[n]) if cycle > 1 else 0
        need, spare = share - load[0], load[fullest] - share
        if fullest == 0 or load[0] >= ENOUGH * share or spare <= 0:
            break
        moved = _closest([s for s in nights[fullest] if s.age != 0], min(need, spare))
        if not moved:
            break
        for source in moved:
            nights[fullest].remove(source)
            chosen[source.name] = "promoted"
            load[fullest] -= source.size
            load[0] += source.size
    return chosen


# So many steps to the wanted sum: an error of half a thousandth.
_STEPS = 1000
# Beyond so many candidates the smaller ones change nothing that matters.
_CANDIDATES = 300


def _closest(sources, wanted):
    """Return the sources whose sizes together come closest to wanted: none when that is
    closer than the smallest. Sums are counted in steps, so the work is bounded."""
    if wanted <= 0:
        return []
    step = wanted / _STEPS
    reached = {0: None}  # sum -> (sum before, index)
    for i, source in enumerate(sources[:_CANDIDATES]):
        steps = round(source.size / step)
        if steps <= 0 or steps > 2 * _STEPS:
            continue
        for before in sorted(reached, reverse=True):
            after = before + steps
            if after <= 2 * _STEPS and after not in reached:
                reached[after] = (before, i)
    best = min(reached, key=lambda n: (abs(n - _STEPS), n))
    chosen = []
    while reached[best] is not None:
        best, i = reached[best]
        chosen.append(sources[i])
    return chosen


def overdue(age_seconds, rpo_seconds):
    """Return how urgent a source is: 1 is exactly at its objective. Sources without any
    copy come first."""
    if age_seconds is None:
        return float("inf")
    return age_seconds / rpo_seconds if rpo_seconds else 0.0
