"""Actions and their executions."""

from st2client.models.core import Resource, ResourceManager, _quote

__all__ = ["RunnerType", "Action", "Execution", "LiveAction", "ExecutionManager"]


class RunnerType(Resource):
    """What runs actions."""

    _alias = "Runner"
    _display_name = "Runner"
    _plural = "RunnerTypes"
    _repr_attributes = ["name", "enabled", "description"]


class Action(Resource):
    """An action."""

    _plural = "Actions"
    _repr_attributes = ["name", "pack", "enabled", "runner_type"]


class Execution(Resource):
    """A run of an action."""

    _alias = "Execution"
    _display_name = "Action Execution"
    _plural = "executions"
    _url_path = "executions"
    _repr_attributes = ["status", "action", "start_timestamp", "end_timestamp", "parameters", "delay"]


class LiveAction(Execution):
    """The old name of an execution."""


class ExecutionManager(ResourceManager):
    """Executions: what can be done with them besides."""

    def re_run(self, execution_id, parameters=None, tasks=None, no_reset=None, delay=0, **_kwargs):
        """Run it again and return the new one."""
        parameters = parameters or {}
        body = {"parameters": parameters, "delay": delay}
        if tasks:
            body.update(tasks=tasks, reset=list(set(tasks) - set(no_reset or [])))
        response = self.client.post("%s/%s/re_run" % (self.path, _quote(execution_id)), body)
        response.raise_for_status()
        return self.resource.deserialize(response.json())

    def get_output(self, execution_id, output_type=None, **_kwargs):
        """Return what it printed so far."""
        params = {"output_type": output_type} if output_type else {}
        response = self.client.get("%s/%s/output" % (self.path, _quote(execution_id)), params=params)
        response.raise_for_status()
        return response.text

    def pause(self, execution_id, **_kwargs):
        """Pause a workflow."""
        return self._put(execution_id, "pausing")

    def resume(self, execution_id, **_kwargs):
        """Let a paused workflow go on."""
        return self._put(execution_id, "resuming")

    def get_children(self, execution_id, **_kwargs):
        """Return the executions it started."""
        return self.get_property(execution_id, "children")

    def _put(self, execution_id, status):
        response = self.client.put("%s/%s" % (self.path, _quote(execution_id)), {"status": status})
        response.raise_for_status()
        return self.resource.deserialize(response.json())
