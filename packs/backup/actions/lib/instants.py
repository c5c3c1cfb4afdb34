"""Instants, spans and windows as the configuration and the copies write them."""

import datetime
import re
import zoneinfo

__all__ = ["Window", "from_stamp", "instant", "night", "short_span", "span", "stamp"]

UTC = datetime.timezone.utc
_STAMP = "%Y%m%dT%H%M%SZ"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def stamp(when):
    """Return the name of a copy that was begun then."""
    return when.astimezone(UTC).strftime(_STAMP)


def from_stamp(text):
    """Return when a copy was begun."""
    return datetime.datetime.strptime(text, _STAMP).replace(tzinfo=UTC)


def instant(text):
    """Read ISO 8601, also with Z (which Python 3.9 does not know)."""
    when = datetime.datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def span(text):
    """Read a span such as 90s, 26h, 1d12h; a bare number is seconds."""
    text = str(text).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return datetime.timedelta(seconds=float(text))
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if not parts or "".join(n + u for n, u in parts) != text.replace(" ", ""):
        raise ValueError("%r is no span such as 26h or 7d" % text)
    return datetime.timedelta(seconds=sum(float(n) * _UNITS[u] for n, u in parts))


def short_span(delta):
    """Write a span for people: 3d 4h, 2h 5m, 41s."""
    if delta is None:
        return "never"
    rest, words = max(0, int(delta.total_seconds())), []
    for unit in "dhms":
        count, rest = divmod(rest, _UNITS[unit])
        if count and len(words) < 2:
            words.append("%d%s" % (count, unit))
        elif words:
            break
    return " ".join(words) or "0s"


def night(when, timezone="UTC"):
    """Return the number of the night: it changes at noon, so that a run at 22:00 and
    one at 02:00 belong together."""
    local = when.astimezone(zoneinfo.ZoneInfo(timezone)) - datetime.timedelta(hours=12)
    return local.date().toordinal()


class Window:
    """The time of day in which dumps may begin."""

    def __init__(self, start, end, timezone="UTC"):
        self.start, self.end = (datetime.time.fromisoformat(t) for t in (start, end))
        self.zone = zoneinfo.ZoneInfo(timezone)

    def end_after(self, now):
        """Return when the window that is open now closes; None when none is open: who
        starts a run by day means it."""
        local = now.astimezone(self.zone)
        for begin_day in (local.date() - datetime.timedelta(days=1), local.date()):
            begin = datetime.datetime.combine(begin_day, self.start, self.zone)
            days = 1 if self.end <= self.start else 0
            end = datetime.datetime.combine(begin_day + datetime.timedelta(days=days), self.end, self.zone)
            if begin <= local < end:
                return end.astimezone(UTC)
        return None
