import datetime

import eventlet
import six
from six.moves import urllib
from six.moves.urllib.parse import urlencode
from st2common import log as logging
from st2common.constants.pack import CONFIG_SCHEMA_FILE_NAME, PACK_VERSION_SEPARATOR
from st2common.content.utils import get_pack_base_path, get_packs_base_paths
from st2common.runners.base_action import Action
from st2common.runners.utils import get_logger_for_python_runner_action
from st2common.util import date as date_utils
from st2common.util import isotime
from st2common.util.shell import quote_unix, run_command
from st2client.client import Client
from st2client.commands.action import LIVEACTION_STATUS_SUCCEEDED
from st2client.models import KeyValuePair
from st2client.models.action import Execution
from st2client.models.action_alias import ActionAliasMatch
from st2client.models.aliasexecution import ActionAliasExecution
from st2client.models.datastore import KeyValuePair as Older
from st2client.models.keyvalue import KeyValuePair as Newer

eventlet.monkey_patch(os=True, select=True, socket=True, thread=False, time=True)

LOG = logging.getLogger(__name__)


class Everything(Action):
    def run(self):
        pool = eventlet.GreenPool(2)
        return {
            "six": [six.text_type("x"), urlencode({"a": "b c"}), urllib.parse.quote("/ ")],
            "pool": list(pool.imap(lambda n: n * n, [1, 2, 3])),
            "time": isotime.format(datetime.datetime(2020, 1, 2, 3, 4, 5), usec=False),
            "parsed": isotime.parse("2020-01-02T03:04:05.5Z").microsecond,
            "aware": date_utils.get_datetime_utc_now().tzinfo is not None,
            "shell": run_command(["echo", quote_unix("a b")]),
            "pack": get_pack_base_path("census").endswith("census"),
            "packs": len(get_packs_base_paths()) > 0,
            "constants": [CONFIG_SCHEMA_FILE_NAME, PACK_VERSION_SEPARATOR, LIVEACTION_STATUS_SUCCEEDED],
            "same": KeyValuePair is Older and KeyValuePair is Newer,
            "client": Client(base_url="http://localhost").endpoints["api"],
            "models": [Execution.__name__, ActionAliasMatch.__name__, ActionAliasExecution.__name__],
            "logger": get_logger_for_python_runner_action("X", log_level="info").name,
        }
