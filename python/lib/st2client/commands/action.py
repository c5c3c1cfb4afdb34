"""States of an execution, where packs look for them."""

from st2common.constants.action import *  # noqa: F401,F403
