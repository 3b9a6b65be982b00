"""A proxy on loopback that hands requests on to a server, but for those that it is told to spoil."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

_ITS_OWN = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class Answer(NamedTuple):
    """What a server says to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Proxy(ThreadingHTTPServer):
    """`faults` deal with the next requests, in order, `always` with all others; `asked` has method and path of each."""

    daemon_threads = True

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.target = target
        self.port = self.server_port
        self.faults: deque[Fault] = deque()
        self.always: Fault = hand_on
        self.asked: list[tuple[str, str]] = []
        self.released = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that leave."""


class Exchange(BaseHTTPRequestHandler):
    """A connection to the proxy, and the request that came last on it."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def deal(self) -> None:
        """Deal with a request as its turn is."""
        self.server.asked.append((self.command, self.path))
        try:
            fault = self.server.faults.popleft()
        except IndexError:
            fault = self.server.always
        fault(self)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = deal  # noqa: N815  # the library asks for these names

    def body(self, share: float = 1.0) -> bytes:
        """Read the request's body, or a part of it."""
        return self.rfile.read(int(int(self.headers.get("content-length", 0)) * share))

    def asking(self, body: bytes) -> Answer:
        """Return what the server says to this request with that body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.target, timeout=30)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent: it says why
                connection.request(self.command, self.path, body or None, dict(self.headers))
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def reply(self, answer: Answer, share: float = 1.0, pause: float = 0.0) -> None:
        """Answer, or begin to; with a pause of so many seconds after each byte."""
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _ITS_OWN or (self.command == "HEAD" and name.lower() == "content-length"):
                self.send_header(name, value)
        if self.command == "HEAD":
            self.end_headers()
            return
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if pause:
            self._drip(answer.body, pause)
        else:
            self.wfile.write(answer.body[: int(len(answer.body) * share)])
        self.close_connection = share < 1.0

    def _drip(self, body: bytes, pause: float) -> None:
        for byte in body:
            self.wfile.write(bytes([byte]))
            if self.server.released.wait(pause):
                return

    def log_message(self, *args: object) -> None:
        """Say nothing."""


Fault = Callable[[Exchange], None]


def hand_on(exchange: Exchange) -> None:
    """Do what a proxy does."""
    exchange.reply(exchange.asking(exchange.body()))


def drop(exchange: Exchange) -> None:
    """Close the connection instead of answering."""
    exchange.body()
    exchange.close_connection = True


def drop_early(exchange: Exchange) -> None:
    """Close the connection while the request is still being sent."""
    exchange.body(share=0.5)
    exchange.close_connection = True


def hang(exchange: Exchange) -> None:
    """Do not answer before the test is over."""
    exchange.body()
    exchange.server.released.wait()
    exchange.close_connection = True


def cut(exchange: Exchange) -> None:
    """Answer, but close the connection in the middle of it."""
    exchange.reply(exchange.asking(exchange.body()), share=0.5)


def drip(exchange: Exchange) -> None:
    """Answer byte by byte, each soon enough for a limit that holds between two of them."""
    exchange.reply(exchange.asking(exchange.body()), pause=0.02)


def drip_from_the_start(exchange: Exchange) -> None:
    """Send the answer's first line byte by byte, and never come to its end."""
    exchange.body()
    while not exchange.server.released.wait(0.02):
        exchange.wfile.write(b"H")
    exchange.close_connection = True


def forget_answer(exchange: Exchange) -> None:
    """Let the server do what is asked, and close the connection without saying so."""
    exchange.asking(exchange.body())
    exchange.close_connection = True


def damage(exchange: Exchange) -> None:
    """Hand the request on with one byte of its body changed."""
    body = exchange.body()
    exchange.reply(exchange.asking(bytes([body[0] ^ 1]) + body[1:] if body else body))


def says(status: int, code: str) -> Fault:
    """Answer with an error of S3's."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>".encode()

    def answer(exchange: Exchange) -> None:
        exchange.body()
        exchange.reply(Answer(status, {"Content-Type": "application/xml"}, body))

    return answer


def says_html(status: int) -> Fault:
    """Answer as web servers do."""

    def answer(exchange: Exchange) -> None:
        exchange.body()
        exchange.reply(Answer(status, {"Content-Type": "text/html"}, b"<html>no</html>"))

    return answer


@contextmanager
def proxy(target: int, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Run a proxy for the server on port `target`; with `tls` it is reached over https."""
    with Proxy(target, tls) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.released.set()
            made.shutdown()
            thread.join()
