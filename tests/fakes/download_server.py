"""An object storage that answers signed GETs over real HTTP on this machine, and can be told to misbehave."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from orris.artifacts.v1 import artifacts_pb2 as pb


class Exchange(BaseHTTPRequestHandler):
    """One connection, and the request that came last on it."""

    protocol_version = "HTTP/1.1"
    server: DownloadServer

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        data = self.server.objects[urlsplit(self.path).path.strip("/")]
        self.server.answer(self, data)

    def do_CONNECT(self) -> None:
        """Refuse to be a tunnel, and remember who asked for one."""
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_error(502)

    def say(self, status: int, data: bytes, **headers: str) -> None:
        """Answer, by default with the length of what is sent."""
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(data))} | headers).items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


Answer = Callable[[Exchange, bytes], object]


def honest(exchange: Exchange, data: bytes) -> None:
    """Send what is asked for."""
    exchange.say(206, data)


class DownloadServer(ThreadingHTTPServer):
    """`objects` by name; `connections` counts those that were made.

    `asked` has path and headers, by their names in lower case, of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self.answer: Answer = honest
        self.over = threading.Event()

    def sign(self, data: bytes, name: str, scheme: str = "http") -> pb.SignedRequest:
        """Keep an object; return how to read it."""
        self.objects[name] = data
        url = f"{scheme}://127.0.0.1:{self.server_port}/{name}?signature=a%2Fb"
        request = pb.SignedRequest(url=url, headers={"Range": f"bytes=0-{len(data) - 1}"})
        request.expire_time.FromSeconds(1 << 33)
        return request

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that leave."""


@contextmanager
def download_server(tls: ssl.SSLContext | None = None) -> Iterator[DownloadServer]:
    """Run one, with `tls` over https."""
    with DownloadServer() as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
