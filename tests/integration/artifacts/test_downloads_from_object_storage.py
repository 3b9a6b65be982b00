"""Downloads with a real service over a real object storage, directly and through the service."""

from __future__ import annotations

import asyncio
import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import DataLoss
from orris.sdk.content import CHUNK_BYTES
from orris_agent.blob_cache import BlobCache
from orris_agent.storage import Storage
from tests.fakes.blob_source import sha256
from tests.integration.artifacts.conftest import Counting, Running, Serve
from tests.servers.programs import free_ports

if TYPE_CHECKING:
    from tests.servers.object_storage import ObjectStorage

MIB = 1024 * 1024


@pytest.fixture
def files() -> dict[str, bytes]:
    return {
        "train.py": b"print()",
        "empty": b"",
        "large": os.urandom(MIB + 1),
        "chunks": os.urandom(2 * CHUNK_BYTES + 2 * MIB),
        "sparse": bytes(4 * CHUNK_BYTES),
    }


def content(paths: list[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}


async def downloaded(counting: Counting, tree: str, folder: Path) -> dict[str, bytes]:
    """Download without a warning; return the files."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return content(await asyncio.to_thread(counting.transfer.download, tree, folder))


async def test_large_blobs_come_past_the_service(
    running_on_storage: Running, files: dict[str, bytes], tmp_path: Path
) -> None:
    counting = Counting(running_on_storage.stub())
    tree = await asyncio.to_thread(counting.transfer.upload_bytes, files)
    counting.calls.clear()
    assert await downloaded(counting, tree.name, tmp_path) == files
    assert counting.calls == {"ListTreeEntries": 1, "BatchReadBlobs": 1}
    counting.calls.clear()
    assert await downloaded(counting, tree.name, tmp_path) == files
    assert counting.calls == {"ListTreeEntries": 1}
    begin = 2 * CHUNK_BYTES - 3
    read = await asyncio.to_thread(counting.transfer.read, tree.name, "chunks", begin, 6)
    assert read == files["chunks"][begin : begin + 6]
    assert counting.calls["DownloadBlob"] == 0


async def test_without_signed_requests_all_comes_through_the_service(
    serve: Serve, files: dict[str, bytes], tmp_path: Path
) -> None:
    async with serve(s3_presign=False) as running:
        counting = Counting(running.stub())
        tree = await asyncio.to_thread(counting.transfer.upload_bytes, files)
        assert await downloaded(counting, tree.name, tmp_path) == files
        assert counting.calls["DownloadBlob"] == 5


@pytest.mark.filterwarnings("ignore:the object storage cannot be used from here")
async def test_a_storage_out_of_the_clients_reach_is_no_obstacle(
    serve: Serve, files: dict[str, bytes], tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    async with serve(s3_public_endpoint=f"http://127.0.0.1:{port}") as running:
        counting = Counting(running.stub())
        tree = await asyncio.to_thread(counting.transfer.upload_bytes, files)
        assert content(await asyncio.to_thread(counting.transfer.download, tree.name, tmp_path)) == files
        assert counting.calls["DownloadBlob"] == 5


async def test_the_storage_refuses_a_request_that_was_changed(
    running_on_storage: Running, files: dict[str, bytes], tmp_path: Path
) -> None:
    """And so a client that is given wrong ones reads through the service."""
    counting = Counting(running_on_storage.stub())
    tree = await asyncio.to_thread(counting.transfer.upload_bytes, files)
    real = counting.stub.ListTreeEntries

    def spoiled(request: rpc.ListTreeEntriesRequest, timeout: float) -> rpc.ListTreeEntriesResponse:
        response = real(request, timeout=timeout)
        for download in response.downloads:
            download.request.url = download.request.url[:-1] + ("0" if download.request.url[-1] != "0" else "1")
        return response

    counting.instead["ListTreeEntries"] = spoiled
    with pytest.warns(UserWarning, match="403"):
        assert content(await asyncio.to_thread(counting.transfer.download, tree.name, tmp_path)) == files


async def test_a_damaged_object_is_said_to_be(
    running_on_storage: Running, object_storage: ObjectStorage, tmp_path: Path
) -> None:
    """Whether it is read directly or not, nothing of it becomes a file."""
    counting = Counting(running_on_storage.stub())
    data = os.urandom(2 * MIB)
    tree = await asyncio.to_thread(counting.transfer.upload_bytes, {"f": data, "g": b"small"})
    bucket, _, prefix = running_on_storage.settings.store.removeprefix("s3://").partition("/")
    client, digest = object_storage.client(), sha256(data)
    (damaged,) = client.list_objects(bucket, f"{prefix}/lab/{digest[:2]}/{digest}", recursive=True)
    client.put_object(bucket, str(damaged.object_name), io.BytesIO(b"?" + data[1:]), len(data))
    with pytest.raises(DataLoss, match=digest) as caught:
        await asyncio.to_thread(counting.transfer.download, tree.name, tmp_path / "copy")
    assert caught.value.reason == "BLOB_DAMAGED"
    assert set(os.listdir(tmp_path / "copy")) <= {"g"}


async def test_an_agent_reads_a_blob_once(running_on_storage: Running, files: dict[str, bytes], tmp_path: Path) -> None:
    counting = Counting(running_on_storage.stub("agent@lab"))
    tree = await asyncio.to_thread(counting.transfer.upload_bytes, files)
    storage = Storage(cast(ArtifactServiceStub, counting), "lab", BlobCache(tmp_path / "cache", 1024 * MIB))
    counting.calls.clear()
    await storage.download(tree.name, tmp_path / "1")
    assert counting.calls == {"ListTreeEntries": 1, "PrepareDownloads": 1, "BatchReadBlobs": 1}
    counting.calls.clear()
    await storage.download(tree.name, tmp_path / "2")
    assert not counting.calls
    for folder in ("1", "2"):
        assert content([tmp_path / folder / name for name in files]) == files
