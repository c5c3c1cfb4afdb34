"""Questions to people."""

from st2client.models.core import Resource, ResourceManager, _quote

__all__ = ["Inquiry", "InquiryManager"]


class Inquiry(Resource):
    """A question that waits for an answer."""

    _plural = "Inquiries"
    _url_path = "inquiries"


class InquiryManager(ResourceManager):
    """Questions: how to answer them."""

    def respond(self, inquiry_id, inquiry_response, **_kwargs):
        """Answer a question."""
        body = {"id": inquiry_id, "response": inquiry_response}
        response = self.client.put("%s/%s" % (self.path, _quote(inquiry_id)), body)
        response.raise_for_status()
        return self.resource.deserialize(response.json())
