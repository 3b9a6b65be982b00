"""An object storage that takes signed PUTs over real HTTP on this machine, and can be told to misbehave."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from orris.artifacts.v1 import artifacts_pb2 as pb


class StorageServer:
    """`objects` by digest; `requests` counts what came, `connections` over how many.

    `misbehaviour` is what to do with the next requests: a status to answer with, "early" (403 before the body is read),
    "drop" (hang up), or "store" (behave).
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.connections = 0
        self.requests = 0
        self.misbehaviour: deque[int | str] = deque()
        self.always: int | str = "store"
        self.expired: set[str] = set()
        self.signed = 0
        self.port = 0
        self.on_request: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def sign(self, digest: str, size: int) -> pb.SignedRequest:
        """Return how to PUT a blob here."""
        with self._lock:
            self.signed += 1
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        url = f"http://127.0.0.1:{self.port}/{digest}?signature={self.signed}&of=a%2Fb"
        return pb.SignedRequest(url=url, headers={"x-amz-checksum-sha256": checksum})

    def next(self) -> int | str:
        """Count a request, and say what to do with it."""
        self.on_request()
        with self._lock:
            self.requests += 1
            return self.misbehaviour.popleft() if self.misbehaviour else self.always


@contextmanager
def storage_server() -> Iterator[StorageServer]:
    """Run one."""
    storage = StorageServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            storage.connections += 1

        def do_PUT(self) -> None:
            what = storage.next()
            if what == "drop":
                self.close_connection = True
                return
            if what == "early":
                self.close_connection = True
                self.answer(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")
                return
            data = self.rfile.read(int(self.headers["Content-Length"]))
            digest = self.path.lstrip("/").partition("?")[0]
            if isinstance(what, int):
                self.answer(what, "<Error><Code>AsToldByTheTest</Code></Error>")
            elif self.path in storage.expired:
                self.answer(403, "<Error><Code>AccessDenied</Code></Error>")
            elif self.headers["Host"] != f"127.0.0.1:{storage.port}" or not self.path.endswith("&of=a%2Fb"):
                self.answer(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")
            elif base64.b64decode(self.headers["x-amz-checksum-sha256"]) != hashlib.sha256(data).digest():
                self.answer(400, "<Error><Code>XAmzContentChecksumMismatch</Code></Error>")
            else:
                storage.objects[digest] = data
                self.answer(200, "")

        def answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        storage.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield storage
        finally:
            server.shutdown()
            thread.join()
