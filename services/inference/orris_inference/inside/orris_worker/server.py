"""HTTP/1.1 in front of a model. Only who knows the secret is answered."""

import hmac
import json
import socketserver
import sys
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer

from orris_worker.answer import encode
from orris_worker.model import Refused

BODY_LIMIT = 64 * 1024 * 1024
IDLE_SECONDS = 600
TRACEBACK_LINES = 12


class ModelServer(socketserver.ThreadingMixIn, HTTPServer):
    """A thread a connection; the model itself answers one call at a time."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, model, secret):
        self.model = model
        self.expected = ("Bearer " + secret).encode("utf-8")
        HTTPServer.__init__(self, address, Handler)

    def server_bind(self):
        # HTTPServer would ask the resolver for this machine's name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a caller that went away is no error
            socketserver.TCPServer.handle_error(self, request, client_address)


class Handler(BaseHTTPRequestHandler):
    """`GET /describe` and `POST /call`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536  # head and body leave together
    timeout = IDLE_SECONDS

    def do_GET(self):
        """Describe the model."""
        if not self._admitted():
            self._answer(401, _error("the secret is missing or wrong"), close=True)
        elif self.path == "/describe":
            self._answer(200, json.dumps(self.server.model.describe()).encode("utf-8"))
        else:
            self._answer(404, _error("no such path"))

    def do_POST(self):
        """Answer a call."""
        size = self.headers.get("Content-Length", "")
        if not self._admitted():
            self._answer(401, _error("the secret is missing or wrong"), close=True)
        elif not size.isdigit():
            self._answer(411, _error("Content-Length is needed"), close=True)
        elif int(size) > BODY_LIMIT:
            self._answer(413, _error("at most %d bytes" % BODY_LIMIT), close=True)
        elif self.path != "/call":
            self._answer(404, _error("no such path"), close=True)
        else:
            self._answer(*self._call(self.rfile.read(int(size))))

    def _call(self, body):
        """Return the status and the body of the answer to a call."""
        try:
            request = json.loads(body.decode("utf-8"))
            method, data, columns = request["method"], request["data"], request.get("columns")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return 400, _error('the body must be {"method": ..., "data": [...]}')
        try:
            return 200, encode(self.server.model.call(method, data, columns))
        except (Refused, ValueError) as error:  # ValueError: how estimators refuse their input
            return 400, _error(str(error))
        except Exception as error:
            lines = traceback.format_exc().splitlines()[-TRACEBACK_LINES:]
            print("\n".join(["%s failed:" % method] + lines), file=sys.stderr, flush=True)
            return 500, _error("%s: %s" % (type(error).__name__, error))

    def _admitted(self):
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.server.expected)

    def _answer(self, status, body, close=False):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        """Say nothing of a request that was answered: the log is the user's."""


def _error(message):
    return json.dumps({"error": message[:4000]}).encode("utf-8")
