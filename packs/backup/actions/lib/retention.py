"""Which copies are kept: grandfather, father, son.

Pure. Of the days, weeks (ISO), months and years that have a good copy, the newest
ones count, as many as the policy says, and of each the newest good copy is kept. On
top of that these are never removed:

- the newest good copy, and the newest one that was verified;
- what a kept copy builds on;
- a copy that is held (legal hold).

A copy that was found bad is kept for `keep_bad`, for people to look at.
"""

import dataclasses
import datetime
import zoneinfo

__all__ = ["Copy", "Decision", "Retention", "decide"]


@dataclasses.dataclass(frozen=True)
class Copy:
    """A copy of one source. good: committed and not found bad since."""

    stamp: str
    when: datetime.datetime
    base: "str | None" = None
    good: bool = True
    verified: bool = True
    held: bool = False


@dataclasses.dataclass(frozen=True)
class Retention:
    """How many are kept of each period; 0: none for the sake of it."""

    last: int = 0
    daily: int = 7
    weekly: int = 4
    monthly: int = 12
    yearly: int = 0
    timezone: str = "UTC"
    keep_bad: datetime.timedelta = datetime.timedelta(days=14)


@dataclasses.dataclass
class Decision:
    """kept: {stamp: [reasons]}; remove: stamps, those first that build on others;
    refused: why nothing at all is removed, or None."""

    kept: dict
    remove: list
    refused: "str | None" = None


def _periods(zone):
    local = lambda c: c.when.astimezone(zone)  # noqa: E731
    return {
        "last": lambda c: c.stamp,
        "daily": lambda c: local(c).date(),
        "weekly": lambda c: local(c).isocalendar()[:2],
        "monthly": lambda c: (local(c).year, local(c).month),
        "yearly": lambda c: local(c).year,
    }


def decide(copies, retention, now, rpo=None):
    """Return the Decision for the copies of one source. With rpo nothing is removed
    while the newest verified copy is older than that: the old ones may be all there is."""
    newest_first = sorted(copies, key=lambda c: (c.when, c.stamp), reverse=True)
    by_stamp = {c.stamp: c for c in newest_first}
    good = [c for c in newest_first if c.good and _whole(c, by_stamp)]
    verified = [c for c in good if c.verified]
    kept = {}

    def keep(copy, reason):
        kept.setdefault(copy.stamp, []).append(reason)

    if good:
        keep(good[0], "newest")
    if verified:
        keep(verified[0], "newest verified")
    for name, period in _periods(zoneinfo.ZoneInfo(retention.timezone)).items():
        room, last = getattr(retention, name), None
        for copy in good:
            if room == 0:
                break
            if period(copy) != last:
                last, room = period(copy), room - 1
                keep(copy, name)
    for copy in newest_first:
        if copy.held:
            keep(copy, "held")
        if not copy.good and now - copy.when < retention.keep_bad:
            keep(copy, "bad, for people to look at")
    for stamp in list(kept):
        base = by_stamp[stamp].base
        while base in by_stamp:
            if base not in kept or "base" not in kept[base]:
                keep(by_stamp[base], "base")
            base = by_stamp[base].base
    if rpo is not None and (not verified or now - verified[0].when > rpo):
        why = "no copy is verified" if not verified else "the newest verified copy, %s, is older than its objective" % verified[0].stamp
        return Decision({c.stamp: kept.get(c.stamp, ["refused"]) for c in newest_first}, [], why)
    return Decision(kept, [c.stamp for c in newest_first if c.stamp not in kept])


def _whole(copy, by_stamp):
    """Report whether the chain below copy is there and good."""
    while copy.base is not None:
        copy = by_stamp.get(copy.base)
        if copy is None or not copy.good:
            return False
    return True
