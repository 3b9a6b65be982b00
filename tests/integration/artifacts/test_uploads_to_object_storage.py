"""Uploads with a real service over a real object storage, directly and through the service."""

from __future__ import annotations

import asyncio
import os
import warnings
from pathlib import Path

import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk.content import CHUNK_BYTES
from tests.integration.artifacts.conftest import Counting, Running, Serve
from tests.servers.programs import free_ports

MIB = 1024 * 1024


@pytest.fixture
def files() -> dict[str, bytes]:
    return {
        "train.py": b"print()",
        "empty": b"",
        "mib": os.urandom(MIB),
        "large": os.urandom(MIB + 1),
        "chunks": os.urandom(2 * CHUNK_BYTES + 2 * MIB),
    }


@pytest.fixture
def paths(tmp_path: Path, files: dict[str, bytes]) -> dict[str, Path]:
    (tmp_path / "source").mkdir()
    for name, data in files.items():
        (tmp_path / "source" / name).write_bytes(data)
    return {name: tmp_path / "source" / name for name in files}


async def uploaded(counting: Counting, paths: dict[str, Path]) -> pb.Tree:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return await asyncio.to_thread(counting.transfer.upload, paths)


async def content(running: Running, tree: pb.Tree, folder: Path) -> dict[str, bytes]:
    files = await asyncio.to_thread(running.transfer().download, tree.name, folder)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


async def test_large_files_go_past_the_service_and_nothing_travels_twice(
    running_on_storage: Running, paths: dict[str, Path], files: dict[str, bytes], tmp_path: Path
) -> None:
    counting = Counting(running_on_storage.stub())
    tree = await uploaded(counting, paths)
    assert counting.calls["UploadBlob"] == 0
    assert counting.calls["BatchUploadBlobs"] == 1
    assert await content(running_on_storage, tree, tmp_path / "copy") == files
    counting.calls.clear()
    assert await uploaded(counting, paths) == tree
    assert counting.calls == {"FindMissingBlobs": 1, "GetTree": 1}


async def test_without_signed_requests_all_goes_through_the_service(
    serve: Serve, paths: dict[str, Path], files: dict[str, bytes], tmp_path: Path
) -> None:
    async with serve(s3_presign=False) as running:
        counting = Counting(running.stub())
        tree = await uploaded(counting, paths)
        assert counting.calls["UploadBlob"] == 4
        assert await content(running, tree, tmp_path / "copy") == files


@pytest.mark.filterwarnings("ignore:the object storage cannot be used from here")
async def test_a_storage_out_of_the_clients_reach_is_no_obstacle(
    serve: Serve, paths: dict[str, Path], files: dict[str, bytes], tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    async with serve(s3_public_endpoint=f"http://127.0.0.1:{port}") as running:
        counting = Counting(running.stub())
        with pytest.warns(UserWarning, match="through the service") as caught:
            tree = await asyncio.to_thread(counting.transfer.upload, paths)
        assert len(caught) == 1
        assert counting.calls["UploadBlob"] == 4
        assert await content(running, tree, tmp_path / "copy") == files


@pytest.mark.parametrize("size", [MIB + 1, 2 * MIB, 10])
async def test_the_storage_refuses_other_bytes_and_the_file_is_read_again(
    running_on_storage: Running, paths: dict[str, Path], tmp_path: Path, size: int
) -> None:
    new = os.urandom(size)
    counting = Counting(running_on_storage.stub())
    events = [lambda: paths["large"].write_bytes(new)]
    counting.change = lambda method: events.pop()() if method == "PrepareUploads" and events else None
    tree = await uploaded(counting, {"large": paths["large"]})
    assert await content(running_on_storage, tree, tmp_path / "copy") == {"large": new}
