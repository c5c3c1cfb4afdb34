from st2common.runners.base_action import Action


class InjectTrigger(Action):
    def run(self, trigger=None, trigger_name=None, payload=None, trace_tag=None):
        if bool(trigger) == bool(trigger_name):
            raise ValueError("Give the trigger as trigger_name, and once.")
        client = self.action_service.datastore_service.get_api_client()
        return client.webhooks.post_generic_webhook(
            trigger=trigger or trigger_name, payload=payload or {}, trace_tag=trace_tag
        )
