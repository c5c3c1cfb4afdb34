"""Templates with StackStorm's filters, for packs that render some themselves.

Needs Jinja2 in the pack's environment. The filters are those that need nothing but
Python; st2kv and decrypt_kv are the server's.
"""

import datetime
import json
import re
import uuid

from st2common.util import jsonify

__all__ = ["NONE_MAGIC_VALUE", "get_jinja_environment", "get_filters", "render_values", "is_jinja_expression"]

NONE_MAGIC_VALUE = "%*****__%NONE%__*****%"
JINJA_EXPRESSIONS_START_MARKERS = ["{{", "{%"]


def _yaml():
    import yaml

    return yaml


def _flags(ignorecase, multiline=False):
    return (re.I if ignorecase else 0) | (re.M if multiline else 0)


def _human(seconds):
    """Write a number of seconds as 4m5s. Months are lost, as in the original: 40 days show as 9d."""
    if seconds != 0 and seconds < 1:
        return "%s\u03bcs" % seconds
    moment = datetime.datetime(1, 1, 1) + datetime.timedelta(seconds=round(seconds))
    parts = [moment.year - 1, moment.day - 1, moment.hour, moment.minute, moment.second]
    words = ["%d%s" % part for part in zip(parts, "ydhms")]
    while len(words) > 1 and words[0].startswith("0"):
        del words[0]
    return "".join(words)


def get_filters():
    """Return StackStorm's filters by name."""

    def regex_match(value, pattern="", ignorecase=False):
        return bool(re.match(pattern, value, _flags(ignorecase)))

    def regex_search(value, pattern="", ignorecase=False):
        return bool(re.search(pattern, value, _flags(ignorecase)))

    def regex_replace(value="", pattern="", replacement="", ignorecase=False):
        return re.sub(pattern, replacement, value, flags=_flags(ignorecase))

    def regex_substring(value, pattern="", result_index=0, ignorecase=False):
        return re.findall(pattern, value, _flags(ignorecase))[result_index]

    def json_escape(value):
        return json.dumps(value)[1:-1]

    def use_none(value):
        return NONE_MAGIC_VALUE if value is None else value

    return {
        "from_json_string": json.loads,
        "from_yaml_string": lambda value: _yaml().safe_load(value),
        "json_dump": jsonify.json_encode,
        "json_parse": json.loads,
        "json_escape": json_escape,
        "regex_match": regex_match,
        "regex_replace": regex_replace,
        "regex_search": regex_search,
        "regex_substring": regex_substring,
        "to_human_time_from_seconds": _human,
        "to_json_string": lambda value, indent=None, sort_keys=False: jsonify.json_encode(value, indent, sort_keys),
        "to_yaml_string": lambda value, indent=None, allow_unicode=True: _yaml().safe_dump(
            value, indent=indent, allow_unicode=allow_unicode, default_flow_style=False
        ),
        "to_complex": jsonify.json_encode,
        "use_none": use_none,
        "uuid": lambda *_: str(uuid.uuid4()),
    }


def get_jinja_environment(allow_undefined=False, trim_blocks=True, lstrip_blocks=True):
    """Return an environment with those filters."""
    import jinja2
    from jinja2.sandbox import SandboxedEnvironment

    undefined = jinja2.Undefined if allow_undefined else jinja2.StrictUndefined
    environment = SandboxedEnvironment(undefined=undefined, trim_blocks=trim_blocks, lstrip_blocks=lstrip_blocks)
    environment.filters.update(get_filters())
    environment.tests["in"] = lambda item, container: item in container
    return environment


def render_values(mapping=None, context=None, allow_undefined=False):
    """Render the values of mapping, texts and what is in lists and maps, with context and each other."""
    if not context or not mapping:
        return mapping
    scope = dict(context or {})
    scope.update(mapping)
    environment = get_jinja_environment(allow_undefined=allow_undefined)
    return {key: _render(environment, value, scope) for key, value in mapping.items()}


def _render(environment, value, scope):
    if isinstance(value, str):
        text = environment.from_string(value).render(scope)
        return None if text == NONE_MAGIC_VALUE else text
    if isinstance(value, (dict, list)):
        text = environment.from_string(json.dumps(value)).render(scope)
        return json.loads(text)
    return value


def is_jinja_expression(value):
    """Say whether value is a text that holds a template."""
    return isinstance(value, str) and any(marker in value for marker in JINJA_EXPRESSIONS_START_MARKERS)
