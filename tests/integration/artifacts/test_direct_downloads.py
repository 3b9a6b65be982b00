"""Large blobs straight from an object storage over HTTP, and what happens when that does not go well."""

from __future__ import annotations

import os
import resource
import socket
import ssl
import sys
import warnings
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.errors import DataLoss, FailedPrecondition
from orris.sdk import direct, http_connections, splicing
from orris.sdk.downloading import THREADS
from orris.sdk.transfer import Transfer
from tests.fakes.blob_source import TREE, BlobSource, sha256
from tests.fakes.download_server import Answer, DownloadServer, Exchange, download_server, honest
from tests.servers.certificates import certificate_for
from tests.servers.programs import free_ports

MIB = 1024 * 1024


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[DownloadServer]:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(direct, "_away_until", {})
    with download_server() as running:
        yield running


@pytest.fixture
def source() -> BlobSource:
    return BlobSource()


@pytest.fixture
def transfer(source: BlobSource) -> Transfer:
    return Transfer(source.stub, "lab", sleep=lambda seconds: None)


@pytest.fixture
def files(source: BlobSource, storage: DownloadServer) -> dict[str, bytes]:
    chunks = [os.urandom(2 * MIB) for _ in range(3)]
    made = {"small": b"x", "large": os.urandom(MIB + 1), "chunks": b"".join(chunks)}
    source.add("small", b"x")
    source.add("large", made["large"])
    source.add("chunks", *chunks)
    sign(source, storage)
    return made


def sign(source: BlobSource, storage: DownloadServer, scheme: str = "http") -> None:
    for digest, data in source.blobs.items():
        source.signed[digest] = storage.sign(data, digest, scheme)


def downloaded(transfer: Transfer, folder: Path) -> dict[str, bytes]:
    """Download without a warning; return the files."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return content(transfer.download(TREE, folder))


def content(paths: list[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}


def test_large_blobs_come_straight_from_the_storage_and_small_ones_from_the_service(
    transfer: Transfer, source: BlobSource, storage: DownloadServer, files: dict[str, bytes], tmp_path: Path
) -> None:
    assert downloaded(transfer, tmp_path) == files
    assert source.sent == [sha256(b"x")]
    assert len(storage.asked) == 4
    for path, headers in storage.asked:
        assert path.endswith("?signature=a%2Fb")
        assert headers["host"] == f"127.0.0.1:{storage.server_port}"
        assert headers["range"].startswith("bytes=0-")
        assert "authorization" not in headers


def test_a_range_of_a_file_comes_straight_from_the_storage(
    transfer: Transfer, storage: DownloadServer, files: dict[str, bytes]
) -> None:
    assert transfer.read(TREE, "chunks", 3 * MIB, 10) == files["chunks"][3 * MIB : 3 * MIB + 10]
    assert len(storage.asked) == 1


def test_connections_are_used_again(
    transfer: Transfer, source: BlobSource, storage: DownloadServer, tmp_path: Path
) -> None:
    chunks = [os.urandom(1000) for _ in range(200)]
    source.add("f", *chunks)
    sign(source, storage)
    assert downloaded(transfer, tmp_path) == {"f": b"".join(chunks)}
    assert len(storage.asked) == 200
    assert storage.connections <= THREADS
    assert [len(each) for each in source.prepared] == [64, 64, 64, 8]


def test_a_connection_that_was_closed_meanwhile_is_replaced(
    transfer: Transfer, source: BlobSource, storage: DownloadServer, files: dict[str, bytes], tmp_path: Path
) -> None:
    def closing(exchange: Exchange, data: bytes) -> None:
        honest(exchange, data)
        exchange.close_connection = True  # without having said so

    storage.answer = closing
    assert downloaded(transfer, tmp_path) == files
    assert source.sent == [sha256(b"x")]


def cut(exchange: Exchange, data: bytes) -> None:
    exchange.say(200, data[:-5], Content_Length=str(len(data)))
    exchange.close_connection = True


def in_pieces(exchange: Exchange, data: bytes) -> None:
    exchange.say(200, b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data), Content_Length="", Transfer_Encoding="chunked")


def endless(exchange: Exchange, data: bytes) -> None:
    exchange.say(200, data, Content_Length="", Connection="close")
    for _ in count():
        exchange.wfile.write(data)


def hang_up(exchange: Exchange, data: bytes) -> None:
    exchange.close_connection = True


TROUBLE: dict[str, Answer] = {
    "refused": lambda exchange, data: exchange.say(403, b"<Code>AccessDenied</Code>"),
    "broken": lambda exchange, data: exchange.say(503, b""),
    "elsewhere": lambda exchange, data: exchange.say(307, b"", Location="http://127.0.0.1:1/"),
    "success with something else": lambda exchange, data: exchange.say(200, b"<html>log in</html>"),
    "other bytes": lambda exchange, data: exchange.say(206, data[:-1] + bytes([data[-1] ^ 1])),
    "more bytes": lambda exchange, data: exchange.say(206, data + b"more"),
    "fewer bytes": lambda exchange, data: exchange.say(206, data[:-1]),
    "no HTTP": lambda exchange, data: exchange.wfile.write(b"SSH-2.0-OpenSSH\r\n"),
    "a header without end": lambda exchange, data: exchange.say(200, data, x="x" * 100_000),
    "cut": cut,
    "in pieces": in_pieces,
    "endless": endless,
    "hang up": hang_up,
}


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_what_the_storage_does_not_give_comes_from_the_service(
    transfer: Transfer,
    source: BlobSource,
    storage: DownloadServer,
    files: dict[str, bytes],
    tmp_path: Path,
    trouble: Answer,
) -> None:
    storage.answer = trouble
    with pytest.warns(UserWarning, match="through the service") as caught:
        assert content(transfer.download(TREE, tmp_path)) == files
    assert len(caught) == 1
    assert "signature" not in str(caught[0].message)
    assert sorted(source.sent) == sorted(source.blobs)


def test_a_single_failure_costs_no_more_than_its_blob(
    transfer: Transfer, source: BlobSource, storage: DownloadServer, files: dict[str, bytes], tmp_path: Path
) -> None:
    numbers = count()
    storage.answer = lambda exchange, data: (honest if next(numbers) else cut)(exchange, data)
    assert downloaded(transfer, tmp_path) == files
    assert len(source.sent) == 2


def test_what_is_damaged_everywhere_is_said_to_be(
    transfer: Transfer, source: BlobSource, storage: DownloadServer, files: dict[str, bytes], tmp_path: Path
) -> None:
    digest = sha256(files["large"])
    source.blobs[digest] = storage.objects[digest] = bytes(MIB + 1)
    with pytest.raises(DataLoss, match=digest):
        transfer.download(TREE, tmp_path)
    assert not (tmp_path / "large").exists()


def test_a_storage_that_nobody_answers_at_is_asked_once(
    transfer: Transfer, source: BlobSource, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    for request in source.signed.values():
        request.url = f"http://127.0.0.1:{port}/x?signature"
    tried: list[http_connections.Origin] = []

    real = http_connections.Way.connect

    def connect(way: http_connections.Way) -> HTTPConnection:
        tried.append(way.origin)
        return real(way)

    monkeypatch.setattr(http_connections.Way, "connect", connect)
    with pytest.warns(UserWarning, match="through the service"):
        assert content(transfer.download(TREE, tmp_path / "first")) == files
    begun = len(tried)
    assert begun <= THREADS
    with pytest.warns(UserWarning, match="did not answer a moment ago"):
        assert content(transfer.download(TREE, tmp_path / "second")) == files
    assert len(tried) == begun


def test_a_storage_that_takes_requests_and_says_nothing_is_left_alone(
    transfer: Transfer,
    storage: DownloadServer,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_connections, "ANSWER_SECONDS", 0.05)
    storage.answer = lambda exchange, data: storage.over.wait()
    with pytest.warns(UserWarning, match="does not answer"):
        assert content(transfer.download(TREE, tmp_path)) == files
    assert len(storage.asked) <= THREADS


def test_bytes_that_drip_are_not_waited_for(
    storage: DownloadServer,
) -> None:
    """Each piece comes in time, but all of them would take for ever."""
    request = storage.sign(bytes(4 * MIB), "f")
    seconds = count(step=100)
    with direct.DirectStorage(lambda: float(next(seconds))) as reader, pytest.raises(direct.DirectFailed, match="took"):
        list(reader.get(request, 4 * MIB))


@pytest.fixture(params=[True, False], ids=["past this process", "through it"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(direct, "CAN_SPLICE", False)
    elif not splicing.CAN_SPLICE:
        pytest.skip("this system cannot")


@pytest.mark.usefixtures("either_way")
def test_files_are_the_same_either_way(
    transfer: Transfer, source: BlobSource, storage: DownloadServer, files: dict[str, bytes], tmp_path: Path
) -> None:
    numbers = count()
    wrong = TROUBLE["other bytes"]
    storage.answer = lambda exchange, data: (honest if next(numbers) else wrong)(exchange, data)
    assert downloaded(transfer, tmp_path) == files
    assert len(source.sent) == 2


@pytest.fixture
def short_files() -> Iterator[None]:
    """Files that cannot have more than a MiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("either_way", "files", "short_files")
def test_a_disk_without_room_is_not_the_fault_of_the_storage(
    transfer: Transfer, source: BlobSource, tmp_path: Path
) -> None:
    with pytest.raises(FailedPrecondition, match="no room") as raised:
        downloaded(transfer, tmp_path)
    assert raised.value.reason == "DISK_FULL"
    assert set(source.sent) <= {sha256(b"x")}
    assert {path.name for path in tmp_path.iterdir()} <= {"small"}


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "http://[", "x", "http://a b/"])
def test_a_url_that_no_storage_has_is_not_followed(
    transfer: Transfer, source: BlobSource, files: dict[str, bytes], tmp_path: Path, url: str
) -> None:
    for request in source.signed.values():
        request.url = url
    with pytest.warns(UserWarning, match="through the service"):
        assert content(transfer.download(TREE, tmp_path)) == files


@pytest.mark.parametrize("header", ["Range\r\nX: y", "Range: x", "Ra nge"])
def test_headers_that_would_smuggle_others_in_are_not_sent(
    transfer: Transfer,
    source: BlobSource,
    storage: DownloadServer,
    files: dict[str, bytes],
    tmp_path: Path,
    header: str,
) -> None:
    for request in source.signed.values():
        request.headers[header] = "a\r\nb: c"
    with pytest.warns(UserWarning, match="through the service"):
        assert content(transfer.download(TREE, tmp_path)) == files
    assert storage.asked == []


@pytest.mark.parametrize(
    ("scheme", "asked"), [("http", "http://storage.test/{}?signature=x"), ("https", "storage.test:443")]
)
def test_the_proxy_of_the_environment_is_used(
    transfer: Transfer,
    source: BlobSource,
    storage: DownloadServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    asked: str,
) -> None:
    data = os.urandom(2 * MIB)
    source.add("f", data)
    monkeypatch.setenv(f"{scheme}_proxy", f"http://ada:p%40ss@127.0.0.1:{storage.server_port}")
    storage.sign(data, sha256(data))
    source.signed[sha256(data)] = pb.SignedRequest(url=f"{scheme}://storage.test/{sha256(data)}?signature=x")
    source.signed[sha256(data)].expire_time.FromSeconds(1 << 33)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no tunnel to an https storage here
        assert content(transfer.download(TREE, tmp_path)) == {"f": data}
    ((path, headers),) = storage.asked
    assert path == asked.format(sha256(data))
    assert headers["proxy-authorization"] == "Basic YWRhOnBAc3M="
    assert (source.sent == []) == (scheme == "http")


def test_the_way_to_a_storage_is_found_once(
    transfer: Transfer, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its proxy is looked up takes time, on some systems a lot."""
    found: list[dict[str, str]] = []

    def getproxies() -> dict[str, str]:
        found.append({})
        return found[-1]

    monkeypatch.setattr(http_connections, "getproxies", getproxies)
    assert downloaded(transfer, tmp_path) == files
    assert len(found) == 1


def test_nobody_is_asked_through_a_proxy_that_is_not_meant_for_them(
    transfer: Transfer,
    storage: DownloadServer,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """This machine never is, others are named in no_proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "storage.test")
    assert downloaded(transfer, tmp_path) == files
    way = http_connections.Way.to(http_connections.Origin("http", "storage.test", 80))
    assert way.target("http://storage.test/x") == "/x"


def test_a_storage_over_https_is_trusted_when_its_authority_is(
    source: BlobSource, transfer: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = certificate_for("127.0.0.1", tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    data = os.urandom(2 * MIB)
    source.add("f", data)
    http_connections._tls.cache_clear()
    with download_server(tls) as storage:
        sign(source, storage, "https")
        with pytest.warns(UserWarning, match="certificate"):
            assert content(transfer.download(TREE, tmp_path / "first")) == {"f": data}
        monkeypatch.setenv("ORRIS_CA_FILE", str(certificate))
        monkeypatch.setattr(direct, "_away_until", {})
        http_connections._tls.cache_clear()
        source.sent.clear()
        assert downloaded(transfer, tmp_path / "second") == {"f": data}
        assert source.sent == []
    http_connections._tls.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux widens a buffer so")
def test_a_connection_begins_with_a_wide_buffer_and_wakes_for_each_byte(storage: DownloadServer) -> None:
    parts = urlsplit(storage.sign(b"x", sha256(b"x")).url)
    with socket.create_connection((parts.hostname, parts.port)) as plain:
        usual = plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    connection = http_connections.Way.to(http_connections.Origin.of(parts)).connect()
    try:
        assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1
        assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > usual
    finally:
        connection.close()
