from st2common.runners.base_action import Action
from st2common.util import jinja as jinja_utils


class Template(Action):
    def run(self, text):
        env = jinja_utils.get_jinja_environment(allow_undefined=True)
        values = jinja_utils.render_values({"v": "{{ a.b }}", "l": ["{{ a.b }}"]}, {"a": {"b": 7}})
        return [env.from_string(text).render({"x": [3]}), values]
