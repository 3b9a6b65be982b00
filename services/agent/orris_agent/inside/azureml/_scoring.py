"""What scoring scripts use to see the HTTP request and to make the response themselves."""


def rawhttp(function):
    """Have the script's `run` called with the request (AMLRequest) instead of its body."""
    function.orris_raw_http = True
    return function


class AMLRequest:
    """An HTTP request, with the attributes that flask's have."""

    def __init__(self, method: str = "POST", path="/score", args=None, headers=None, data=b"") -> None:
        self.method = method
        self.path = path
        self.args = args or {}
        self.headers = headers or {}
        self.data = data

    def get_data(self, cache=True, as_text=False, parse_form_data=False):
        """Return the body."""
        return self.data.decode("utf-8") if as_text else self.data

    def get_json(self, force=False, silent=False, cache=True):
        """Return the body, read as JSON."""
        import json

        return json.loads(self.data.decode("utf-8"))

    json = property(get_json)


class AMLResponse:
    """An HTTP response: `message` is the body, as it is or (json_str) to be written as JSON."""

    def __init__(self, message, status_code, headers=None, json_str=False) -> None:
        import json

        text = json.dumps(message) if json_str else message
        self.data = text if isinstance(text, bytes) else str(text).encode("utf-8")
        self.status_code = status_code
        self.headers = dict(headers or {})
        if json_str:
            self.headers.setdefault("Content-Type", "application/json")
