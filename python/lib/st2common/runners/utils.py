"""Loggers, configuration and instances of actions."""

import logging
import sys

from st2common import log as st2_log

__all__ = ["PackConfigDict", "get_logger_for_python_runner_action", "get_action_class_instance"]

DEFAULT_LOG_LEVEL = "DEBUG"


class PackConfigDict(dict):
    """A pack's configuration. A missing key says where it should have been set."""

    def __init__(self, pack_name, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.pack_name = pack_name

    def __missing__(self, key):
        raise ValueError(
            'Config for pack "%s" is missing key "%s". Set it in the configuration of the pack '
            "(PUT /api/v1/configs/%s), or give it a default in the pack's config.schema.yaml."
            % (self.pack_name, key, self.pack_name)
        )


class _Stderr:
    """Whatever sys.stderr is at the time of writing."""

    def write(self, text):
        if sys.stderr is not None:
            sys.stderr.write(text)

    def flush(self):
        if sys.stderr is not None:
            sys.stderr.flush()


_ready = {}


def get_logger_for_python_runner_action(action_name, log_level=DEFAULT_LOG_LEVEL):
    """Return the logger of an action: it writes "NAME: LEVEL    message" to stderr."""
    name = "st2.actions.python.%s" % action_name
    level = logging.getLevelName(str(log_level).upper())
    if not isinstance(level, int):
        level = logging.DEBUG
    logger = _ready.get(name)
    if logger is None:
        logger = st2_log.getLogger("actions.python.%s" % action_name)
        console = logging.StreamHandler(stream=_Stderr())
        console.setFormatter(logging.Formatter("%(name)-12s: %(levelname)-8s %(message)s"))
        logger.addHandler(console)
        # The root logger is the pack's own: basicConfig() must not print everything twice.
        logger.propagate = False
        _ready[name] = logger
    for handler in logger.handlers:
        handler.setLevel(level)
    logger.setLevel(level)
    return logger


def log_level_of(action_service):
    """Return the log level the execution asks for."""
    return getattr(action_service, "log_level", None) or DEFAULT_LOG_LEVEL


def get_action_class_instance(action_cls, config=None, action_service=None):
    """Return an instance of action_cls, which may be of before action services."""
    try:
        return action_cls(config=config, action_service=action_service)
    except TypeError as error:
        if "unexpected keyword argument 'action_service'" not in str(error):
            raise
    instance = action_cls(config=config)
    instance.action_service = action_service
    return instance
