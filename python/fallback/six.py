"""What packs use of six, for environments without it. Python 3 only.

Written for Squall. Install the real six where something is missing.
"""

import functools
import io
import itertools
import operator
import struct
import sys
import types

__version__ = "1.16.0+squall"

PY2 = False
PY3 = True
PY34 = True

string_types = (str,)
integer_types = (int,)
class_types = (type,)
text_type = str
binary_type = bytes
MAXSIZE = sys.maxsize

StringIO = io.StringIO
BytesIO = io.BytesIO
unichr = chr
int2byte = struct.Struct(">B").pack
byte2int = operator.itemgetter(0)
indexbytes = operator.getitem
iterbytes = iter
wraps = functools.wraps
Iterator = object
print_ = print

get_unbound_function = lambda unbound: unbound  # noqa: E731
create_bound_method = types.MethodType
get_method_function = operator.attrgetter("__func__")
get_method_self = operator.attrgetter("__self__")
get_function_code = operator.attrgetter("__code__")
get_function_defaults = operator.attrgetter("__defaults__")
get_function_globals = operator.attrgetter("__globals__")
next = advance_iterator = next


def callable(obj):  # noqa: A001 - six has it
    """Say whether obj can be called."""
    return hasattr(type(obj), "__call__")


def iterkeys(d, **kw):
    """Iterate over the keys of d."""
    return iter(d.keys(**kw))


def itervalues(d, **kw):
    """Iterate over the values of d."""
    return iter(d.values(**kw))


def iteritems(d, **kw):
    """Iterate over the pairs of d."""
    return iter(d.items(**kw))


def iterlists(d, **kw):
    """Iterate over the lists of d."""
    return iter(d.lists(**kw))


viewkeys = operator.methodcaller("keys")
viewvalues = operator.methodcaller("values")
viewitems = operator.methodcaller("items")


def b(s):
    """Return s as bytes."""
    return s.encode("latin-1")


def u(s):
    """Return s."""
    return s


def ensure_binary(s, encoding="utf-8", errors="strict"):
    """Return text or bytes as bytes."""
    if isinstance(s, bytes):
        return s
    if isinstance(s, str):
        return s.encode(encoding, errors)
    raise TypeError("not expecting type '%s'" % type(s))


def ensure_str(s, encoding="utf-8", errors="strict"):
    """Return text or bytes as text."""
    if isinstance(s, str):
        return s
    if isinstance(s, bytes):
        return s.decode(encoding, errors)
    raise TypeError("not expecting type '%s'" % type(s))


ensure_text = ensure_str


def reraise(tp, value, tb=None):
    """Raise an exception again."""
    try:
        if value is None:
            value = tp()
        if value.__traceback__ is not tb:
            raise value.with_traceback(tb)
        raise value
    finally:
        value = tb = None


def raise_from(value, from_value):
    """Raise value because of from_value."""
    try:
        raise value from from_value
    finally:
        value = None


def exec_(code, globs=None, locs=None):
    """Execute code."""
    exec(code, globs if globs is not None else sys._getframe(1).f_globals, locs)


def with_metaclass(meta, *bases):
    """Return a base class that gives its subclasses the metaclass meta and the bases."""

    class temporary(type):
        def __new__(cls, name, _this_bases, namespace):
            return meta(name, types.resolve_bases(bases), namespace)

        @classmethod
        def __prepare__(cls, name, _this_bases):
            return meta.__prepare__(name, bases)

    return type.__new__(temporary, "temporary_class", (), {})


def add_metaclass(metaclass):
    """Decorate a class so that it has a metaclass."""

    def wrapper(cls):
        namespace = dict(vars(cls))
        for name in ("__dict__", "__weakref__"):
            namespace.pop(name, None)
        for name in namespace.get("__slots__", ()):
            namespace.pop(name, None)
        return metaclass(cls.__name__, cls.__bases__, namespace)

    return wrapper


def python_2_unicode_compatible(cls):
    """Return cls."""
    return cls


def assertCountEqual(self, *args, **kwargs):  # noqa: N802 - unittest's name
    """Call the method of that name of a test case."""
    return self.assertCountEqual(*args, **kwargs)


def assertRaisesRegex(self, *args, **kwargs):  # noqa: N802 - unittest's name
    """Call the method of that name of a test case."""
    return self.assertRaisesRegex(*args, **kwargs)


def assertRegex(self, *args, **kwargs):  # noqa: N802 - unittest's name
    """Call the method of that name of a test case."""
    return self.assertRegex(*args, **kwargs)


# six.moves: names that Python 3 has elsewhere, imported when they are asked for.
_MODULES = {
    "builtins": "builtins",
    "configparser": "configparser",
    "copyreg": "copyreg",
    "cPickle": "pickle",
    "email_mime_base": "email.mime.base",
    "email_mime_multipart": "email.mime.multipart",
    "email_mime_text": "email.mime.text",
    "html_entities": "html.entities",
    "html_parser": "html.parser",
    "http_client": "http.client",
    "http_cookiejar": "http.cookiejar",
    "http_cookies": "http.cookies",
    "BaseHTTPServer": "http.server",
    "queue": "queue",
    "reprlib": "reprlib",
    "socketserver": "socketserver",
    "_thread": "_thread",
    "urllib_error": "urllib.error",
    "urllib_parse": "urllib.parse",
    "urllib_request": "urllib.request",
    "winreg": "winreg",
    "xmlrpc_client": "xmlrpc.client",
    "xmlrpc_server": "xmlrpc.server",
}
_NAMES = {
    "cStringIO": io.StringIO,
    "StringIO": io.StringIO,
    "filter": filter,
    "filterfalse": itertools.filterfalse,
    "input": input,
    "intern": sys.intern,
    "map": map,
    "range": range,
    "xrange": range,
    "reduce": functools.reduce,
    "zip": zip,
    "zip_longest": itertools.zip_longest,
}


class _Moves(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name in _NAMES:
            return _NAMES[name]
        if name in _MODULES:
            return _import(_MODULES[name])
        if name == "reload_module":
            return _import("importlib").reload
        if name in ("getcwd", "getcwdb"):
            return getattr(_import("os"), name)
        if name in ("shlex_quote",):
            return _import("shlex").quote
        if name == "UserDict":
            return _import("collections").UserDict
        raise AttributeError(name)


def _import(name):
    import importlib

    return importlib.import_module(name)


class _Urllib(types.ModuleType):
    """six.moves.urllib: the modules below urllib by the names they have in Python 3."""

    __path__ = []

    def __getattr__(self, name):
        if name in ("error", "parse", "request", "response", "robotparser"):
            return _import("urllib." + name)
        raise AttributeError(name)


class _Finder:
    """Finds the modules below six.moves."""

    @staticmethod
    def find_spec(fullname, _path=None, _target=None):
        from importlib.machinery import ModuleSpec

        below = fullname[len("six.moves.") :]
        if fullname.startswith("six.moves.") and (below in _MODULES or below.startswith("urllib.")):
            return ModuleSpec(fullname, _Finder)
        return None

    @staticmethod
    def create_module(spec):
        below = spec.name[len("six.moves.") :]
        module = _import(_MODULES.get(below, below))
        spec.loader_state = module.__spec__
        return module

    @staticmethod
    def exec_module(module):
        """Do nothing but undo: the module was loaded under its own name and keeps it."""
        module.__spec__ = module.__spec__.loader_state


moves = _Moves(__name__ + ".moves")
sys.modules["six.moves"] = moves
sys.modules["six.moves.urllib"] = _Urllib("six.moves.urllib")
moves.urllib = sys.modules["six.moves.urllib"]
__path__ = []
sys.meta_path.append(_Finder)
