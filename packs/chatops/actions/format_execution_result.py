import os

import six
from lib.commands import ChatAction
from st2common.util import jinja

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates", "default.j2")
# What of a result is worth a line in a chat, by runner; everything for the others.
KEYS = {
    "python-script": ["result", "stdout", "stderr", "exit_code"],
    "local-shell-cmd": ["stdout", "stderr", "return_code", "error"],
    "local-shell-script": ["stdout", "stderr", "return_code", "error"],
}


class FormatExecutionResult(ChatAction):
    def run(self, execution_id):
        execution = self.client.executions.get_by_id(execution_id)
        if execution is None:
            raise ValueError("there is no execution %s" % execution_id)
        execution = execution.to_dict(exclude_attributes=["trigger", "trigger_type", "trigger_instance", "liveaction"])
        context = {"six": six, "execution": execution, "lines": list(lines(shown(execution)))}
        answer, template = {"enabled": True}, None
        alias_id = (execution["context"].get("action_alias_ref") or {}).get("id")
        if alias_id:
            alias = self.client.actionaliases.get_by_id(alias_id)
            context["alias"] = alias
            said = getattr(alias, "result", None) or {}
            if said.get("enabled", True):
                template = said.get("format")
                if "extra" in said:
                    answer["extra"] = jinja.render_values(said["extra"], context)
            else:
                answer["enabled"] = False
        if template is None:
            with open(TEMPLATE) as file:
                template = file.read()
        answer["message"] = jinja.get_jinja_environment(allow_undefined=True).from_string(template).render(context)
        return answer


def shown(execution):
    result = execution.get("result")
    keys = KEYS.get((execution.get("runner") or {}).get("name"))
    if isinstance(result, dict) and keys:
        return {key: result[key] for key in keys if result.get(key)}
    return result


def lines(value, indent=""):
    """Yield the lines of a value: a line per member, texts of several lines below their name."""
    if not isinstance(value, dict):
        if value is not None:
            yield indent + str(value).strip()
        return
    for name, item in value.items():
        text = str(item).strip()
        if isinstance(item, dict):
            yield "%s%s :" % (indent, name)
            yield from lines(item, indent + "  ")
        elif "\n" in text:
            yield "%s%s :" % (indent, name)
            yield from (indent + "  " + line for line in text.split("\n"))
        else:
            yield "%s%s : %s" % (indent, name, text)
