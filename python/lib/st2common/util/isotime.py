"""Instants as text: ISO 8601 in UTC, as StackStorm's API writes them."""

import datetime
import re

from st2common.util import date as date_utils

__all__ = ["format", "format_sec_truncated", "parse", "validate"]

_ISO8601 = re.compile(
    r"^(\d{4})-(\d{2})-(\d{2})(?:T|\s)(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}(?::?\d{2})?)?$"
)


def format(dt, usec=True, offset=True):  # noqa: A001 - the name is StackStorm's
    """Write an instant; one without a time zone is taken for UTC. Integers are nanoseconds."""
    if isinstance(dt, int):
        dt = datetime.datetime.fromtimestamp(dt / 1e9, datetime.timezone.utc)
    dt = date_utils.add_utc_tz(dt)
    text = dt.strftime("%Y-%m-%dT%H:%M:%S.%f" if usec else "%Y-%m-%dT%H:%M:%S")
    if not offset:
        return text + "Z"
    shift = dt.strftime("%z")
    return text + shift[:3] + ":" + shift[3:5]


def format_sec_truncated(dt):
    """Write an instant with whole seconds, without a zone."""
    return dt.strftime("%Y-%m-%dT%H:%M:%S")


def validate(value, raise_exception=True):
    """Say whether value is an instant, as text or as datetime."""
    if isinstance(value, datetime.datetime) or (isinstance(value, str) and _ISO8601.match(value)):
        return True
    if raise_exception:
        raise ValueError("Invalid value %s for ISO8601 date string." % value)
    return False


def parse(value):
    """Read an instant; the result is in UTC."""
    if isinstance(value, datetime.datetime):
        return date_utils.add_utc_tz(value)
    match = _ISO8601.match(value)
    if match is None:
        raise ValueError("Invalid value %s for ISO8601 date string." % value)
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micros = int((fraction or "0").ljust(6, "0")[:6])
    offset = datetime.timezone.utc
    if zone not in (None, "Z"):
        digits = zone[1:].replace(":", "").ljust(4, "0")
        delta = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        offset = datetime.timezone(-delta if zone[0] == "-" else delta)
    dt = datetime.datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second), micros, tzinfo=offset
    )
    return dt.astimezone(datetime.timezone.utc)
