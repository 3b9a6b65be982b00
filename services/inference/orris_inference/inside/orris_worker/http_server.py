"""HTTP/1.1 for one caller, the inference service: only who knows the secret is answered."""

import hmac
import json
import socketserver
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

BODY_LIMIT = 64 * 1024 * 1024
IDLE_SECONDS = 600


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """A thread a connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, handler, secret):
        self.expected = ("Bearer " + secret).encode("utf-8")
        HTTPServer.__init__(self, address, handler)

    def server_bind(self):
        # HTTPServer would ask the resolver for this machine's name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # a caller that went away is no error
            socketserver.TCPServer.handle_error(self, request, client_address)


class Handler(BaseHTTPRequestHandler):
    """What all answers have in common."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536  # head and body leave together
    timeout = IDLE_SECONDS

    def admitted(self):
        """Tell whether the caller knows the secret; answer who does not."""
        given = self.headers.get("Authorization", "")
        if hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.server.expected):
            return True
        self.answer(401, error("the secret is missing or wrong"), close=True)
        return False

    def body(self):
        """Return the request's body; None for one that cannot be read, which is answered."""
        size = self.headers.get("Content-Length", "")
        if not size.isdigit():
            self.answer(411, error("Content-Length is needed"), close=True)
        elif int(size) > BODY_LIMIT:
            self.answer(413, error("at most %d bytes" % BODY_LIMIT), close=True)
        else:
            return self.rfile.read(int(size))
        return None

    def answer(self, status, body, headers=(), close=False):
        """Send an answer: JSON, unless `headers`, pairs of names and values, say otherwise."""
        self.send_response(status)
        if not any(name.lower() == "content-type" for name, _ in headers):
            self.send_header("Content-Type", "application/json")
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        """Say nothing of a request that was answered: the log is the user's."""


def error(message):
    """Return the body that tells an error."""
    return json.dumps({"error": message[:4000]}).encode("utf-8")
