"""Instants in UTC."""

import datetime

__all__ = [
    "get_datetime_utc_now",
    "add_utc_tz",
    "convert_to_utc",
    "parse",
    "append_milliseconds_to_time",
]


def get_datetime_utc_now():
    """Return the present instant, with its time zone."""
    return datetime.datetime.now(datetime.timezone.utc)


def add_utc_tz(dt):
    """Return dt with a time zone: its own, or UTC."""
    return dt if dt.tzinfo is not None else dt.replace(tzinfo=datetime.timezone.utc)


def convert_to_utc(dt):
    """Return the same instant in UTC; one without a zone is taken for UTC."""
    return add_utc_tz(dt).astimezone(datetime.timezone.utc)


def parse(value):
    """Read an instant as the API writes it, or a date."""
    from st2common.util import isotime

    if isotime.validate(value, raise_exception=False):
        return isotime.parse(value)
    try:
        from dateutil import parser
    except ImportError:
        return add_utc_tz(datetime.datetime.fromisoformat(value))
    return add_utc_tz(parser.parse(value))


def append_milliseconds_to_time(date, millis=0):
    """Return date moved by millis, a number of milliseconds."""
    return date + datetime.timedelta(milliseconds=millis)
