"""JSON."""

import dataclasses
import datetime
import decimal
import enum
import json
import uuid

__all__ = ["json_encode", "json_decode", "json_loads", "try_loads", "get_json_type_for_python_value"]


def default(value):
    """Return what JSON can express of the values StackStorm's encoder knows."""
    if callable(getattr(value, "__json__", None)):
        return value.__json__()
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def json_encode(obj, indent=None, sort_keys=False):
    """Write obj as JSON."""
    return json.dumps(obj, indent=indent, sort_keys=sort_keys, default=default)


def json_decode(data):
    """Read JSON."""
    return json.loads(data)


def json_loads(obj, keys=None):
    """Read the JSON texts among the named members of a dict, in place."""
    for key in keys or []:
        if key in obj:
            try:
                obj[key] = json.loads(obj[key])
            except (TypeError, ValueError):
                pass
    return obj


def try_loads(text):
    """Return what text says as JSON, or text itself."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


def get_json_type_for_python_value(value):
    """Return the name JSON schemas use for the type of value."""
    if value is None:
        return "null"
    for kinds, name in (
        (bool, "boolean"),
        (str, "string"),
        (int, "integer"),
        ((float, decimal.Decimal), "number"),
        ((list, tuple), "array"),
        (dict, "object"),
    ):
        if isinstance(value, kinds):
            return name
    return type(value).__name__
