"""How a registry is reached: TLS that this machine trusts, tokens where it asks for them, and no surprises."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from orris.errors import DataLoss, FailedPrecondition, Unavailable
from orris_images.build.oci.registry import Registry
from orris_images.build.oci.settings import OciSettings
from tests.servers.certificates import certificate_for, certified
from tests.servers.programs import Program, free_ports

CONTENT = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
Handler = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def answering(handle: Handler) -> Iterator[str]:
    """Answer requests on a port of loopback; gives its address."""

    class Handling(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            handle(self)

        def do_HEAD(self) -> None:
            handle(self)

        def do_POST(self) -> None:
            handle(self)

        def do_PUT(self) -> None:
            handle(self)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handling) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    """Send an answer."""
    handler.send_response(status)
    for name, value in {**headers, "Content_Length": str(len(body))}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def settings(address: str, **rest: object) -> OciSettings:
    return OciSettings(("base",), f"{address}/orris", "ada", "s3cret", **rest)  # type: ignore[arg-type]


@pytest.fixture
def with_tokens(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A real registry that wants tokens, and the server of them; gives its address, and the scopes that were asked."""
    certificate, key = certificate_for("127.0.0.1", tmp_path)
    chain = base64.b64encode(x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER))
    (port,) = free_ports(1)
    scopes: list[str] = []

    def give(handler: BaseHTTPRequestHandler) -> None:
        asked = parse_qs(urlsplit(handler.path).query)
        expected = base64.b64encode(b"ada:s3cret").decode()
        if handler.headers.get("Authorization") != f"Basic {expected}":
            return answer(handler, 401)
        scopes.extend(asked["scope"])
        kind, name, actions = asked["scope"][0].split(":")
        now = int(time.time())
        claims = {
            "iss": "tests",
            "aud": asked["service"][0],
            "sub": "ada",
            "iat": now,
            "nbf": now - 60,
            "exp": now + 300,
            "jti": secrets.token_hex(8),
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }
        token = jwt.encode(claims, key.read_text(), "ES256", headers={"x5c": [chain.decode()]})
        return answer(handler, 200, json.dumps({"token": token}).encode())

    with answering(give) as tokens:
        config = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(tmp_path / "data")}},
            "http": {"addr": f"127.0.0.1:{port}"},
            "auth": {
                "token": {
                    "realm": f"http://{tokens}/token",
                    "service": "tests",
                    "issuer": "tests",
                    "rootcertbundle": str(certificate),
                }
            },
        }
        (tmp_path / "config.yml").write_text(json.dumps(config))
        with running(["docker-registry", "serve", str(tmp_path / "config.yml")], tmp_path / "log", port) as address:
            yield address, scopes


@contextmanager
def running(argv: list[str], log: Path, port: int) -> Iterator[str]:
    """Run a program until the block ends."""

    def ready() -> bool:
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", port)) == 0

    program = Program(argv, {}, log, ready)
    program.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        program.stop()


@pytest.mark.needs("registry")
def test_a_registry_with_tokens_is_asked_for_one_scope_at_a_time(with_tokens: tuple[str, list[str]]) -> None:
    address, scopes = with_tokens
    registry = Registry(settings(address))
    assert not registry.has_blob(DIGEST)
    assert registry.put_blob(DIGEST, io.BytesIO(CONTENT), len(CONTENT))
    assert not registry.put_blob(DIGEST, io.BytesIO(CONTENT), len(CONTENT))
    assert scopes
    assert all(scope.startswith("repository:orris/environments:") for scope in scopes)


@pytest.mark.needs("registry")
def test_bytes_of_another_digest_are_refused(with_tokens: tuple[str, list[str]]) -> None:
    registry = Registry(settings(with_tokens[0]))
    with pytest.raises(FailedPrecondition, match="digest"):
        registry.put_blob(DIGEST, io.BytesIO(b"other"), 5)
    assert not registry.has_blob(DIGEST)


def test_credentials_go_to_no_address_without_tls_that_a_registry_names() -> None:
    seen: list[str] = []

    def challenge(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers.get("Authorization", ""))
        answer(handler, 401, WWW_Authenticate='Bearer realm="http://token.example/t",service="x"')

    with answering(challenge) as address, pytest.raises(FailedPrecondition, match="not https"):
        Registry(settings(address)).has_blob(DIGEST)
    assert seen == [""]


def test_credentials_do_not_follow_an_upload_to_another_host() -> None:
    seen: list[str | None] = []

    def storage(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers.get("Authorization"))
        handler.rfile.read(int(handler.headers["Content-Length"]))
        answer(handler, 201)

    with answering(storage) as elsewhere:

        def registry(handler: BaseHTTPRequestHandler) -> None:
            if "Authorization" not in handler.headers:
                answer(handler, 401, WWW_Authenticate='Basic realm="x"')
            elif handler.command == "POST":
                answer(handler, 202, Location=f"http://{elsewhere}/upload?signature=1")
            else:
                answer(handler, 404)

        with answering(registry) as address:
            Registry(settings(address)).put_blob(DIGEST, io.BytesIO(CONTENT), len(CONTENT))
    assert seen == [None]


def test_an_upload_that_broke_off_is_begun_anew() -> None:
    """A registry refuses the whole at an address where it has a part already."""
    begun: list[str] = []
    put: list[str] = []

    def registry(handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "POST":
            begun.append(f"/v2/uploads/{len(begun)}")
            return answer(handler, 202, Location=begun[-1])
        if handler.command == "HEAD":
            return answer(handler, 404)
        path = handler.path.partition("?")[0]
        known = path in put
        put.append(path)
        if path == begun[0] and not known:  # gone in the middle of it
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return None
        handler.rfile.read(int(handler.headers["Content-Length"]))
        return answer(handler, 404 if known else 201)

    with answering(registry) as address:
        assert Registry(settings(address)).put_blob(DIGEST, io.BytesIO(CONTENT), len(CONTENT))
    assert put == begun == ["/v2/uploads/0", "/v2/uploads/1"]


def test_a_registry_that_fails_may_work_later() -> None:
    with (
        answering(lambda handler: answer(handler, 503, b"busy")) as address,
        pytest.raises(Unavailable, match="503") as caught,
    ):
        Registry(settings(address)).manifest("tag")
    assert caught.value.reason == "REGISTRY_UNREACHABLE"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"text"'])
def test_a_manifest_that_is_none_is_no_surprise(body: bytes) -> None:
    with (
        answering(lambda handler: answer(handler, 200, body)) as address,
        pytest.raises(DataLoss, match="no manifest"),
    ):
        Registry(settings(address)).manifest("tag")


def test_beyond_loopback_it_is_tls_unless_plain_http_is_allowed() -> None:
    assert Registry(settings("registry.example:5000"))._address == "https://registry.example:5000"
    assert Registry(settings("registry.example:5000", insecure=True))._address == "http://registry.example:5000"
    assert Registry(settings("localhost:5000"))._address == "http://localhost:5000"


def test_a_certificate_that_this_machine_does_not_trust_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = certificate_for("127.0.0.1", tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    monkeypatch.setattr("orris_images.build.oci.registry_access._is_loopback", lambda host: False)
    with tls(served) as address:
        with pytest.raises(FailedPrecondition, match="not trusted"):
            Registry(settings(address)).has_blob(DIGEST)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert not Registry(settings(address)).has_blob(DIGEST)


@contextmanager
def tls(context: ssl.SSLContext) -> Iterator[str]:
    """Answer 404 to everything over TLS."""

    class Nothing(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            answer(self, 404)

    with ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_registry_is_reached_through_the_machines_proxy() -> None:
    """Nobody resolves `registry.invalid` but the proxy, which wants to know who asks."""
    seen: list[tuple[str, str | None]] = []

    def proxy(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.path, handler.headers.get("Proxy-Authorization")))
        answer(handler, 404)

    with answering(proxy) as address:
        environ = {"http_proxy": f"http://ada:s3cret@{address}"}
        assert not Registry(settings("registry.invalid:5000", insecure=True), environ).has_blob(DIGEST)
        with pytest.raises(Unavailable) as caught:
            Registry(settings("registry.invalid:5000", insecure=True), {**environ, "no_proxy": ".invalid"}).has_blob(
                "x"
            )
    login = base64.b64encode(b"ada:s3cret").decode()
    assert seen == [(f"http://registry.invalid:5000/v2/orris/environments/blobs/{DIGEST}", f"Basic {login}")]
    assert "s3cret" not in str(caught.value)


def test_a_proxy_that_is_down_is_worth_another_try() -> None:
    environ = {"https_proxy": "http://ada:s3cret@127.0.0.1:9"}
    with pytest.raises(Unavailable) as caught:
        Registry(settings("registry.invalid:5000"), environ).has_blob(DIGEST)
    assert caught.value.reason == "REGISTRY_UNREACHABLE"
    assert "s3cret" not in str(caught.value)


def test_tls_goes_through_the_proxy_to_the_registry_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy sees no more than the name; the certificate that is checked is the registry's."""
    host = "198.18.0.9"  # where nobody is
    authority, certificate, key = certified(host, tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    with tls(served) as address, tunnelling(address) as (proxy, asked):
        environ = {"HTTPS_PROXY": f"http://{proxy}"}
        with pytest.raises(FailedPrecondition, match="not trusted"):
            Registry(settings(f"{host}:5000"), environ).has_blob(DIGEST)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert not Registry(settings(f"{host}:5000"), environ).has_blob(DIGEST)
    assert set(asked) == {f"{host}:5000"}


@contextmanager
def tunnelling(target: str) -> Iterator[tuple[str, list[str]]]:
    """Be a proxy whose tunnels all lead to `target`; gives its address, and where they were asked to lead."""
    asked: list[str] = []
    host, port = target.split(":")

    class Tunnel(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            with socket.create_connection((host, int(port))) as other:
                back = Thread(target=pass_on, args=(other, self.connection), daemon=True)
                back.start()
                pass_on(self.connection, other)
                back.join()

    with ThreadingHTTPServer(("127.0.0.1", 0), Tunnel) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes until nothing does any more."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
