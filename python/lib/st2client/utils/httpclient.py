"""HTTP for the client."""

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request

__all__ = ["HTTPClient", "Response", "HTTPError", "add_auth_token_to_headers"]

TIMEOUT = 90


class Response:
    """An answer, with the members of requests.Response that packs read."""

    def __init__(self, status_code, reason, url, headers, content):
        self.status_code = status_code
        self.reason = reason
        self.url = url
        self.headers = headers
        self.content = content

    @property
    def ok(self):
        """Whether the request was answered well."""
        return self.status_code < 400

    @property
    def text(self):
        """The body as text."""
        return self.content.decode("utf-8", errors="replace")

    def json(self):
        """The body read as JSON."""
        return json.loads(self.text)

    def raise_for_status(self):
        """Raise what is wrong as HTTPError, with the server's own words."""
        if self.ok:
            return
        side = "Client" if self.status_code < 500 else "Server"
        message = "%d %s Error: %s for url: %s" % (self.status_code, side, self.reason, self.url)
        try:
            fault = self.json().get("faultstring")
        except (ValueError, AttributeError):
            fault = self.text
        if fault:
            message = "%d %s Error: %s\nMESSAGE: %s for url: %s" % (
                self.status_code,
                side,
                self.reason,
                fault,
                self.url,
            )
        raise _error_class()(message, response=self)


class HTTPError(IOError):
    """The server refused a request. It is requests' error too where requests is installed."""

    def __init__(self, *args, response=None, request=None):
        super().__init__(*args)
        self.response = response
        self.request = request


_found = None


def _error_class():
    # requests is loaded only when something went wrong: importing it costs more
    # than a request. A pack that catches its error has loaded it anyway.
    global _found
    if _found is None:
        try:
            import requests

            _found = type("HTTPError", (HTTPError, requests.exceptions.HTTPError), {})
        except ImportError:
            _found = HTTPError
    return _found


def add_auth_token_to_headers(func):
    """Return func: the client sends its token by itself."""
    return func


class HTTPClient:
    """Requests below one root address."""

    def __init__(self, root, cacert=None, debug=False, token=None, api_key=None, basic_auth=None):
        self.root = root.rstrip("/")
        self.cacert = cacert
        self.debug = debug
        self.token = token
        self.api_key = api_key
        self.basic_auth = basic_auth

    def get(self, url, params=None, **kwargs):
        """Send GET."""
        return self.request("GET", url, params=params, **kwargs)

    def delete(self, url, params=None, **kwargs):
        """Send DELETE."""
        return self.request("DELETE", url, params=params, **kwargs)

    def post(self, url, data=None, **kwargs):
        """Send POST with data as JSON."""
        return self.request("POST", url, data=data, **kwargs)

    post_raw = post

    def put(self, url, data=None, **kwargs):
        """Send PUT with data as JSON."""
        return self.request("PUT", url, data=data, **kwargs)

    def patch(self, url, data=None, **kwargs):
        """Send PATCH with data as JSON."""
        return self.request("PATCH", url, data=data, **kwargs)

    def request(self, method, url, data=None, params=None, headers=None, **_ignored):
        """Send a request and return its answer, whatever its status."""
        address = self.root + url
        query = {k: v for k, v in (params or {}).items() if v is not None}
        if query:
            address += ("&" if "?" in address else "?") + urllib.parse.urlencode(query, doseq=True)
        body = None
        headers = dict(headers or {})
        if data is not None:
            body = data if isinstance(data, bytes) else json.dumps(data).encode()
            headers.setdefault("Content-Type", "application/json")
        if self.token:
            headers["X-Auth-Token"] = self.token
        elif self.api_key:
            headers["St2-Api-Key"] = self.api_key
        elif self.basic_auth:
            import base64

            pair = ":".join(self.basic_auth) if isinstance(self.basic_auth, tuple) else self.basic_auth
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        request = urllib.request.Request(address, data=body, headers=headers, method=method)
        try:
            with self._opener().open(request, timeout=TIMEOUT) as answer:
                return self._answer(answer, address)
        except urllib.error.HTTPError as error:
            with error:
                return self._answer(error, address)

    def _opener(self):
        handlers = []
        if self.root.startswith("https:"):
            verify = self.cacert
            if verify is False:
                context = ssl.create_default_context()
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            else:
                context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        host = urllib.parse.urlsplit(self.root).hostname or ""
        if host in ("127.0.0.1", "localhost", "::1"):
            handlers.append(urllib.request.ProxyHandler({}))  # the way to ourselves leads through no proxy
        return urllib.request.build_opener(*handlers)

    @staticmethod
    def _answer(answer, address):
        try:
            content = answer.read()
        except http.client.IncompleteRead as error:
            content = error.partial
        status = answer.status
        return Response(status, answer.reason or http.client.responses.get(status, ""), address, answer.headers, content)
