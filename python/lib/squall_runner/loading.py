"""Loading the file of an action or a sensor as its author expects.

What StackStorm does, by its recordings: the module is named like the file, its
directory comes last on sys.path, and the action is the first class by name that is
defined in the module and has a method run.
"""

import importlib.util
import inspect
import os
import sys
import traceback

__all__ = ["load_module", "load_action_class", "action_classes", "own_frames_removed"]

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.path.sep


def load_module(path):
    """Run the file and return it as a module."""
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        raise Exception('Directory "%s" with plugins doesn\'t exist' % directory)
    if directory not in sys.path:
        # Last: a file beside the action must not hide the library it is named after.
        sys.path.append(directory)
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ImportError("%s is no Python file" % path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def action_classes(module):
    """Return the classes of module that are actions, by name."""
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__ and _has_run(cls)
    ]


def _has_run(cls):
    run = getattr(cls, "run", None)
    return callable(run) and not getattr(run, "__isabstractmethod__", False)


def load_action_class(path):
    """Return the class of the action in path.

    Whatever goes wrong is raised again as an error of the same type that names the
    file and quotes the traceback, as StackStorm does.
    """
    try:
        classes = action_classes(load_module(path))
        if not classes:
            raise Exception('Found no classes in plugin file "%s" matching requirements.' % path)
        return classes[0]
    except Exception as error:
        own_frames_removed(error)
        message = (
            'Failed to load action class from file "%s" (action file most likely doesn\'t exist or '
            "contains invalid syntax): %s\n\n%s" % (path, error, traceback.format_exc())
        )
        raise _like(error, message)  # noqa: B904 - the context is part of what is recorded


def _like(error, message):
    try:
        return type(error)(message)
    except Exception:
        return Exception(message)


def own_frames_removed(error):
    """Take our frames off the top of the tracebacks of error and what led to it, in place."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        tb = first = error.__traceback__
        while tb is not None and _is_ours(tb.tb_frame.f_code.co_filename):
            tb = tb.tb_next
        error.__traceback__ = tb if tb is not None else first  # one must be left, or the heading goes too
        error = error.__cause__ or error.__context__
    return error


def _is_ours(filename):
    return filename.startswith(_OWN) or filename.startswith("<frozen importlib")
