"""How the script's run() wants to be called: with the body as text, with named arguments, or with the request."""

import inspect
import json
from collections import OrderedDict

from orris_scoring.request import BadRequest, members, query_values
from orris_scoring.script import Unusable

HEADERS = "request_headers"


def arguments_of(run):
    """Return what makes a request run()'s arguments. Raises Unusable for a run() that cannot be called."""
    try:
        parameters = list(inspect.signature(run).parameters.values())
    except (TypeError, ValueError):
        raise Unusable("run cannot be called: it must be a function")
    if any(each.kind not in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY) for each in parameters):
        raise Unusable("run() must name its parameters: no *args, **kwargs or positional-only ones")
    names = OrderedDict((each.name, each.default) for each in parameters if each.name != HEADERS)
    if not names:
        raise Unusable("run() must have a parameter for the data")
    with_headers = len(names) < len(parameters)
    decorated, raw = is_decorated(run), _is_raw(run)
    if decorated and raw:
        raise Unusable("run() must have either @rawhttp or @input_schema, not both")
    kind = RawHttp if raw else Named if decorated else Text
    return kind(names, with_headers, run)


def is_decorated(run):
    """Tell whether a function has a schema of the package inference-schema."""
    try:
        from inference_schema.schema_util import is_schema_decorated

        return bool(is_schema_decorated(run))
    except (ImportError, AttributeError, TypeError, ValueError):
        return False  # not there, or not made for such a callable


class Text(object):
    """The body as text; of a GET the query as JSON. `names`: run()'s parameters with their defaults."""

    takes_options = False

    def __init__(self, names, with_headers, run):
        self._names = names
        self._with_headers = with_headers
        self._code = getattr(inspect.unwrap(run), "__code__", None)

    def __call__(self, request):
        """Return the arguments. Raises BadRequest."""
        arguments = self._read(request)
        return dict(arguments, **{HEADERS: dict(request.headers)}) if self._with_headers else arguments

    def refused(self, failure):
        """Tell whether run() failed because a value did not fit its schema."""
        return False

    def _read(self, request):
        if request.method == "GET":
            return {self._first: json.dumps(query_values(request.query))}
        try:
            return {self._first: request.body.decode("utf-8")}
        except UnicodeDecodeError as error:
            raise BadRequest("Input cannot be decoded as UTF-8: %s" % error)

    @property
    def _first(self):
        return next(iter(self._names))


class Named(Text):
    """The members of a JSON object as arguments; @input_schema makes them of the types that it names."""

    def refused(self, failure):
        """Tell whether a value did not fit its schema: the script's own code was not reached."""
        modules, trace = [], failure.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code is self._code:
                return False
            modules.append(trace.tb_frame.f_globals.get("__name__", ""))
            trace = trace.tb_next
        return any(name.partition(".")[0] == "inference_schema" for name in modules)

    def _read(self, request):
        values = query_values(request.query) if request.method == "GET" else members(request)
        # With all defaults: @input_schema looks for each argument that it knows.
        defaults = {name: default for name, default in self._names.items() if default is not inspect.Parameter.empty}
        missing = [name for name in self._names if name not in values and name not in defaults]
        if missing:
            raise BadRequest("Missing arguments: %s" % ", ".join(missing))
        unknown = [name for name in values if name not in self._names]
        if unknown:
            raise BadRequest("Unknown arguments: %s; known are %s" % (", ".join(unknown), ", ".join(self._names)))
        return dict(defaults, **values)


class RawHttp(Text):
    """The request itself."""

    takes_options = True

    def _read(self, request):
        from azureml.contrib.services.aml_request import AMLRequest

        made = AMLRequest(
            method=request.method,
            path=request.path,
            query_string=request.query,
            headers=request.headers,
            data=request.body,
        )
        return {self._first: made}


def _is_raw(run):
    return any(getattr(each, "orris_raw_http", False) for each in (run, inspect.unwrap(run)))
