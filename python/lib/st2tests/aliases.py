"""Formats of chat commands, for tests of aliases: what the server matches, in Python."""

import re

__all__ = ["ParseException", "extract_parameters", "formats_of", "matching_formats"]

_PARAMETER = re.compile(r"\{\{\s*(\w+)\s*(?:=\s*(.*?))?\s*\}\}", re.S)
_PAIRS = re.compile(r"""\s+(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\{.*?\}|\[.*?\]|\S+)""")


class ParseException(ValueError):
    """The text is not the command."""


def formats_of(alias):
    """Return (display, representation) of every format of an alias's document."""
    found = []
    for entry in alias.get("formats") or []:
        if isinstance(entry, str):
            found.append((entry, entry))
            continue
        texts = entry.get("representation") or []
        for text in [texts] if isinstance(texts, str) else texts:
            found.append((entry.get("display"), text))
    return found


def _pattern(representation):
    parts, defaults, at = [], {}, 0
    text = representation.strip()
    for match in _PARAMETER.finditer(text):
        name, default = match.group(1), match.group(2)
        before, optional = text[at : match.start()], default is not None
        value = r"""(?P<%s>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\{.*\}|\[.*\]|%s)""" % (
            name,
            r".+?" if match.end() >= len(text) else r"\S+",
        )
        if not optional:
            parts.append(before + value)
        else:
            defaults[name] = default.strip().strip("\"'")
            if before.endswith(" "):
                parts.append("%s(?:\\s+%s)?" % (before[:-1], value))
            else:
                parts.append("%s(?:%s)?" % (before, value))
        at = match.end()
    parts.append(text[at:])
    return re.compile(r"^\s*%s(?P<pairs__>(?:\s+\w+\s*=\s*\S.*)?)\s*$" % "".join(parts), re.I | re.S), defaults


def _unquoted(value):
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def extract_parameters(format_str, param_stream, match_multiple=False):
    """Return the parameters of a command by a format; ParseException when it does not match."""
    del match_multiple
    pattern, defaults = _pattern(format_str)
    match = pattern.match(param_stream)
    if match is None:
        raise ParseException('Command "%s" doesn\'t match format string "%s"' % (param_stream, format_str))
    groups = match.groupdict()
    pairs = groups.pop("pairs__") or ""
    found = {name: _unquoted(value) for name, value in groups.items() if value is not None}
    for name, value in defaults.items():
        found.setdefault(name, value)
    found.update({name: _unquoted(value) for name, value in _PAIRS.findall(pairs)})
    return found


def matching_formats(alias, command):
    """Return the representations of alias that match command."""
    found = []
    for _, representation in formats_of(alias):
        try:
            extract_parameters(representation, command)
        except ParseException:
            continue
        found.append(representation)
    return found
