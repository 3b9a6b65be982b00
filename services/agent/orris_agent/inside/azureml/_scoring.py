"""What scoring scripts use to see the HTTP request and to make the response themselves: flask's names, without it."""

import json as json_module
from urllib.parse import parse_qs

from ._http_values import Headers, Values


def rawhttp(function):
    """Have the script's `run` called with the request (AMLRequest) instead of its body."""
    function.orris_raw_http = True
    return function


class AMLRequest:
    """An HTTP request, with the attributes that flask's have."""

    def __init__(self, method="POST", path="/score", query_string="", headers=None, data=b"") -> None:
        self.method = method
        self.path = path
        self.query_string = query_string.encode("utf-8")
        self.full_path = "%s?%s" % (path, query_string)
        self.args = Values(parse_qs(query_string, keep_blank_values=True))
        self.headers = Headers(headers)
        self.data = data
        self._parts = None

    @property
    def content_type(self):
        """The header Content-Type."""
        return self.headers.get("Content-Type")

    @property
    def mimetype(self) -> str:
        """The type of the body, without its parameters."""
        return (self.content_type or "").partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int:
        """Bytes of the body."""
        return len(self.data)

    @property
    def is_json(self) -> bool:
        """Whether the body says that it is JSON."""
        return self.mimetype == "application/json" or self.mimetype.endswith("+json")

    def get_data(self, cache=True, as_text=False, parse_form_data=False):
        """Return the body."""
        return self.data.decode("utf-8") if as_text else self.data

    def get_json(self, force=False, silent=False, cache=True):
        """Return the body, read as JSON; None where it does not say that it is, unless `force`."""
        if not (force or self.is_json):
            return None
        try:
            return json_module.loads(self.data.decode("utf-8"))
        except ValueError:
            if silent:
                return None
            raise

    json = property(get_json)

    @property
    def form(self):
        """The fields of a form."""
        return self._form()[0]

    @property
    def files(self):
        """The files of a form: each can be read, and has `filename` and `content_type`."""
        return self._form()[1]

    def _form(self):
        if self._parts is None:
            if self.mimetype == "multipart/form-data":
                from ._multipart import parse

                fields, files = parse(self.content_type, self.data)
                self._parts = Values(fields), Values(files)
            elif self.mimetype == "application/x-www-form-urlencoded":
                self._parts = (Values(parse_qs(self.data.decode("utf-8"), keep_blank_values=True)), Values({}))
            else:
                self._parts = Values({}), Values({})
        return self._parts


class AMLResponse:
    """An HTTP response: `message` is the body, as it is or (json_str) to be written as JSON; None is `{}`."""

    def __init__(self, message, status_code, response_headers=None, json_str=False, run_function_failed=False) -> None:
        as_json = json_str or message is None
        text = json_module.dumps({} if message is None else message) if as_json else message
        self.data = text if isinstance(text, bytes) else str(text).encode("utf-8")
        self.status_code = status_code
        self.headers = Headers({"Content-Type": "application/json" if as_json else "text/html; charset=utf-8"})
        for name, value in (response_headers or {}).items():
            self.headers[name] = value
        self.headers["x-ms-run-function-failed"] = run_function_failed

    def get_data(self, as_text=False):
        """Return the body."""
        return self.data.decode("utf-8") if as_text else self.data

    def set_data(self, value) -> None:
        """Replace the body."""
        self.data = value if isinstance(value, bytes) else value.encode("utf-8")
