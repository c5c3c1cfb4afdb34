"""The library mock became unittest.mock; tests of packs still import the old name."""

from unittest import mock as _mock
from unittest.mock import *  # noqa: F401,F403

__version__ = "4.0.0+squall"
mock = _mock
