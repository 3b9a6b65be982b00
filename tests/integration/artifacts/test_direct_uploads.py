"""Large pieces straight to an object storage over HTTP, and what happens when that does not go well."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.errors import DataLoss
from orris.sdk import uploading
from orris.sdk.content import CHUNK_BYTES
from orris.sdk.direct_uploads import DirectUploads
from orris.sdk.sending import THREADS
from orris.sdk.transfer import Transfer
from tests.fakes.blob_service import BlobService, sha256
from tests.fakes.storage_server import StorageServer, storage_server
from tests.servers.programs import free_ports

MIB = 1024 * 1024


@pytest.fixture
def storage() -> Iterator[StorageServer]:
    with storage_server() as running:
        yield running


@pytest.fixture
def service(storage: StorageServer) -> BlobService:
    made = BlobService()
    made.sign = storage.sign
    made.arrived = storage.objects.get
    return made


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def transfer(service: BlobService, pauses: list[float]) -> Transfer:
    return Transfer(service.stub, "lab", sleep=pauses.append)


@pytest.fixture
def files() -> dict[str, bytes]:
    return {"small": b"x", "large": os.urandom(2 * MIB), "chunks": os.urandom(CHUNK_BYTES + 3 * MIB)}


@pytest.fixture
def paths(tmp_path: Path, files: dict[str, bytes]) -> dict[str, Path]:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return {name: tmp_path / name for name in files}


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def uploaded(transfer: Transfer, service: BlobService, paths: dict[str, Path]) -> dict[str, bytes]:
    """Upload without a warning; return the tree's files."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return service.content(transfer.upload(paths))


def test_large_pieces_go_straight_to_the_storage_and_small_ones_through_the_service(
    transfer: Transfer, service: BlobService, storage: StorageServer, paths: dict[str, Path], files: dict[str, bytes]
) -> None:
    assert uploaded(transfer, service, paths) == files
    assert sorted(map(len, storage.objects.values())) == [2 * MIB, 3 * MIB, CHUNK_BYTES]
    assert service.calls["UploadBlob"] == 0
    assert service.calls["BatchUploadBlobs"] == 1


def test_progress_counts_what_goes_straight_to_the_storage(
    transfer: Transfer, service: BlobService, paths: dict[str, Path], files: dict[str, bytes]
) -> None:
    seen: list[int] = []
    transfer.upload(paths, lambda done, total: seen.append(done))
    assert seen == sorted(seen)
    assert {seen[0], seen[-1]} == {0, sum(map(len, files.values()))}
    assert len(set(seen)) == 5  # nothing, the batch, and three large pieces


def test_connections_are_used_again(
    transfer: Transfer, service: BlobService, storage: StorageServer, tmp_path: Path
) -> None:
    paths = {}
    for number in range(40):
        paths[str(number)] = tmp_path / str(number)
        paths[str(number)].write_bytes(os.urandom(MIB + 1))
    uploaded(transfer, service, paths)
    assert storage.requests == 40
    assert storage.connections <= THREADS


@pytest.mark.parametrize("trouble", [500, 503, 429, "drop", "early"])
def test_what_passes_is_tried_again(
    transfer: Transfer,
    service: BlobService,
    storage: StorageServer,
    paths: dict[str, Path],
    files: dict[str, bytes],
    trouble: int | str,
) -> None:
    storage.misbehaviour.extend([trouble, trouble])
    assert uploaded(transfer, service, paths) == files
    assert service.calls["UploadBlob"] == 0


def test_an_expired_signature_is_replaced(
    transfer: Transfer, service: BlobService, storage: StorageServer, paths: dict[str, Path], files: dict[str, bytes]
) -> None:
    storage.misbehaviour.append(403)
    assert uploaded(transfer, service, paths) == files
    assert storage.signed == 4
    assert service.calls["UploadBlob"] == 0


@pytest.mark.parametrize("trouble", [400, 403, "early", 301, 404, 500, "drop"])
def test_a_storage_that_does_not_take_it_is_left_alone_with_one_warning(
    transfer: Transfer,
    service: BlobService,
    storage: StorageServer,
    paths: dict[str, Path],
    files: dict[str, bytes],
    trouble: int | str,
    pauses: list[float],
) -> None:
    storage.always = trouble
    with pytest.warns(UserWarning, match="files go through the service") as caught:
        assert service.content(transfer.upload(paths)) == files
    assert len(caught) == 1
    assert "signature" not in str(caught[0].message)
    assert service.calls["UploadBlob"] == 3
    assert storage.requests <= 3 * 3
    assert sum(pauses) < 10


def test_a_storage_that_nobody_answers_at_is_asked_once(
    transfer: Transfer, service: BlobService, paths: dict[str, Path], files: dict[str, bytes], pauses: list[float]
) -> None:
    (port,) = free_ports(1)

    service.sign = lambda digest, size: pb.SignedRequest(url=f"http://127.0.0.1:{port}/{digest}?secret")
    with pytest.warns(UserWarning, match=r"127\.0\.0\.1.*through the service") as caught:
        assert service.content(transfer.upload(paths)) == files
    assert len(caught) == 1
    assert "secret" not in str(caught[0].message)
    assert pauses == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "http://[", "x", "http://a b/"])
def test_a_url_that_no_storage_has_is_not_followed(
    transfer: Transfer, service: BlobService, paths: dict[str, Path], files: dict[str, bytes], url: str
) -> None:
    service.sign = lambda digest, size: pb.SignedRequest(url=url)
    with pytest.warns(UserWarning, match="through the service"):
        assert service.content(transfer.upload(paths)) == files


def test_a_storage_that_has_lost_what_it_took_is_left_alone(
    transfer: Transfer, service: BlobService, paths: dict[str, Path], files: dict[str, bytes]
) -> None:
    service.arrived = lambda digest: None
    with pytest.warns(UserWarning, match="nothing has arrived") as caught:
        assert service.content(transfer.upload(paths)) == files
    assert len(caught) == 1


@pytest.mark.parametrize("is_old", [True, False])
def test_a_server_that_offers_no_direct_way_gets_all_in_streams(
    transfer: Transfer, service: BlobService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_old: bool
) -> None:
    monkeypatch.setattr(uploading, "SPAN_PIECES", 1)
    service.is_old = is_old
    service.sign = lambda digest, size: None
    files = {f"{number}": os.urandom(MIB + 1) for number in range(3 * THREADS)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert uploaded(transfer, service, {name: tmp_path / name for name in files}) == files
    assert service.calls["UploadBlob"] == 3 * THREADS
    assert service.calls["PrepareUploads"] <= THREADS


@pytest.mark.parametrize("size", [2 * MIB, 2 * MIB - 5, 2 * MIB + 5, 10])
def test_a_file_that_changes_before_it_is_sent_is_read_again_and_the_storage_stays_in_use(
    transfer: Transfer, service: BlobService, storage: StorageServer, paths: dict[str, Path], size: int
) -> None:
    new = os.urandom(size)
    events = [lambda: paths["large"].write_bytes(new)]
    service.before = lambda method: events.pop()() if method == "PrepareUploads" and events else None
    found = uploaded(transfer, service, {"large": paths["large"]})
    assert found == {"large": new}
    assert (sha256(new) in storage.objects) == (size > MIB)


def test_an_interrupted_upload_sends_the_rest(
    transfer: Transfer, service: BlobService, storage: StorageServer, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    data = os.urandom(12 * CHUNK_BYTES)
    path.write_bytes(data)

    def fail(method: str) -> None:
        if method == "CompleteUploads" and service.calls[method] == 2:
            raise DataLoss("the line is cut")

    service.before = fail
    with pytest.raises(DataLoss):
        transfer.upload({"f": path})
    stored = set(service.blobs)
    assert stored
    before = storage.requests
    assert uploaded(transfer, service, {"f": path}) == {"f": data}
    assert storage.requests - before == 12 - len(stored)


def test_who_interrupts_an_upload_waits_for_the_pieces_on_their_way_only(
    transfer: Transfer,
    service: BlobService,
    storage: StorageServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "f"
    path.write_bytes(os.urandom(16 * CHUNK_BYTES))
    interrupted, arriving = threading.Event(), threading.Barrier(THREADS + 1, timeout=60)

    def arrive() -> None:
        if not interrupted.is_set():
            arriving.wait()
            assert interrupted.wait(60)

    def interrupt(method: str) -> None:
        if service.calls["FindMissingBlobs"] == 2 and method == "FindMissingBlobs":
            arriving.wait()
            raise KeyboardInterrupt

    def stop(self: DirectUploads) -> None:
        real(self)
        interrupted.set()

    real = DirectUploads.stop
    monkeypatch.setattr(DirectUploads, "stop", stop)
    storage.on_request = arrive
    service.before = interrupt
    monkeypatch.setattr(uploading, "SPAN_BYTES", 8 * CHUNK_BYTES)
    with pytest.raises(KeyboardInterrupt):
        transfer.upload({"f": path})
    assert storage.requests == THREADS
    assert service.blobs.keys() == storage.objects.keys()
    assert len(service.blobs) == THREADS


def test_pieces_are_sent_side_by_side(
    transfer: Transfer, service: BlobService, storage: StorageServer, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_bytes(os.urandom(THREADS * CHUNK_BYTES))
    together = threading.Barrier(THREADS, timeout=60)
    service.before = lambda method: together.wait() if method == "PrepareUploads" else None
    uploaded(transfer, service, {"f": path})
    assert storage.requests == THREADS
