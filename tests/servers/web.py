"""A web server of a folder, as a private conda channel or package index has: it may want a password, and TLS."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Web:
    """What a server is asked for: `paths` as they were asked, of those who may."""

    port: int = 0
    scheme: str = "http"
    paths: list[str] = field(default_factory=list)
    refused: int = 0
    host: str = "127.0.0.1"

    @property
    def address(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    def with_credentials(self, credentials: str) -> str:
        return f"{self.scheme}://{credentials}@{self.host}:{self.port}"


@contextmanager
def web(
    folder: Path, credentials: str = "", token: str = "", context: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Iterator[Web]:  # fmt: skip
    """Serve `folder` on a free port of this host.

    To who knows `user:password`, or asks for `/t/TOKEN/...`, where one is given.
    """
    told = Web(scheme="http" if context is None else "https", host=host)
    handler = partial(_Handler, told, credentials, token, directory=str(folder))
    server = ThreadingHTTPServer((host, 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, told: Web, credentials: str, token: str, *rest: object, **more: object) -> None:
        self.told, self.credentials, self.token = told, credentials, token
        super().__init__(*rest, **more)  # type: ignore[arg-type]

    def send_head(self) -> object:  # type: ignore[override]
        if not self._may():
            self.told.refused += 1
            self.send_error(401)
            return None
        self.told.paths.append(self.path)
        self.path = urlsplit(self.path).path  # as a proxy it is asked for whole addresses
        return super().send_head()

    def _may(self) -> bool:
        if self.token:
            begin = f"/t/{self.token}/"
            known = self.path.startswith(begin)
            self.path = "/" + self.path.removeprefix(begin)
            return known
        expected = "Basic " + base64.b64encode(self.credentials.encode()).decode()
        return not self.credentials or self.headers.get("Authorization") == expected

    def log_message(self, *_: object) -> None:
        pass
