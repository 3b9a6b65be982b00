"""A request for the scoring script."""

import json
from urllib.parse import parse_qs

PREFIX = "X-Orris-Caller-"
_HIDDEN = ("Authorization", "Host", "Connection")  # between the inference service and this program


class BadRequest(Exception):
    """The request cannot be answered as it is."""

    status = 400


class UnsupportedMediaType(BadRequest):
    """The body is not of the type that is needed."""

    status = 415


class Request(object):
    """What the caller sent. Headers are spelled Like-This, as in Azure's server."""

    def __init__(self, method, path, query, headers, body):
        self.method = method
        self.path = path
        self.query = query
        self.body = body
        given = {name.title(): value for name, value in headers.items()}
        self.headers = {name: value for name, value in given.items() if name not in _HIDDEN}
        for name in list(self.headers):
            if name.startswith(PREFIX):
                self.headers[name[len(PREFIX) :]] = self.headers.pop(name)


def members(request):
    """Return the members of the JSON object in a request's body. Raises BadRequest, UnsupportedMediaType."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType("Expects Content-Type to be application/json")
    try:
        values = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadRequest("Input is not JSON: %s" % error)
    if not isinstance(values, dict):
        raise BadRequest("Input must be a JSON object: its members are the arguments of run()")
    return values


def query_values(query):
    """Return a query's values: JSON where they are that, else text; a list where a name is given several times."""
    found = {}
    for name, texts in parse_qs(query, keep_blank_values=True).items():
        values = [_value(text) for text in texts]
        found[name] = values[0] if len(values) == 1 else values
    return found


def _value(text):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
