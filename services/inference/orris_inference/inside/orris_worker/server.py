"""HTTP in front of a model."""

import json
import sys
import traceback

from orris_worker.answer import encode
from orris_worker.http_server import Handler, Server, error
from orris_worker.model import Refused

TRACEBACK_LINES = 12


class ModelServer(Server):
    """A thread a connection; the model itself answers one call at a time."""

    def __init__(self, address, model, secret):
        self.model = model
        Server.__init__(self, address, ModelHandler, secret)


class ModelHandler(Handler):
    """`GET /describe` and `POST /call`."""

    def do_GET(self):
        """Describe the model."""
        if self.admitted():
            if self.path == "/describe":
                self.answer(200, json.dumps(self.server.model.describe()).encode("utf-8"))
            else:
                self.answer(404, error("no such path"))

    def do_POST(self):
        """Answer a call."""
        if self.admitted():
            if self.path != "/call":
                self.answer(404, error("no such path"), close=True)
                return
            body = self.body()
            if body is not None:
                self.answer(*self._call(body))

    def _call(self, body):
        """Return the status and the body of the answer to a call."""
        try:
            request = json.loads(body.decode("utf-8"))
            method, data, columns = (request["method"], request["data"], request.get("columns"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return 400, error('the body must be {"method": ..., "data": [...]}')
        try:
            return 200, encode(self.server.model.call(method, data, columns))
        except (Refused, ValueError) as refusal:  # ValueError: how estimators refuse their input
            return 400, error(str(refusal))
        except Exception as failure:
            lines = traceback.format_exc().splitlines()[-TRACEBACK_LINES:]
            print("\n".join(["%s failed:" % method] + lines), file=sys.stderr, flush=True)
            return 500, error("%s: %s" % (type(failure).__name__, failure))
