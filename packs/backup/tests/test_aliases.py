"""What people write in a chat."""

from st2tests.base import BaseActionAliasTestCase


class RunTest(BaseActionAliasTestCase):
    action_alias_name = "run"

    def test_formats(self):
        self.assertExtractedParametersMatch("backup now", "backup now", {})
        self.assertExtractedParametersMatch("backup now {{ sources }}", "backup now web@hv1", {"sources": "web@hv1"})


class RestoreTest(BaseActionAliasTestCase):
    action_alias_name = "restore"
    said = "backup restore"

    def test_formats(self):
        form = self.said + " {{ source }} to {{ to }} on {{ host }}"
        given = {"source": "web@hv1", "to": "/srv/x", "host": "hv2"}
        self.assertExtractedParametersMatch(form, self.said + " web@hv1 to /srv/x on hv2", given)


class TryRestoreTest(RestoreTest):
    action_alias_name = "try_restore"
    said = "backup try restore"
