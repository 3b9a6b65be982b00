"""A few small files are stored by one call with their tree; where that does not do, as all others are."""

import asyncio
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.sdk.digest_cache import DigestCache
from orris.sdk.small_files import MOST_BYTES, MOST_FILES
from orris.sdk.snapshot import snapshot

from .conftest import Counting, Running

LAB = "workspaces/lab"
FILES = {"train.py": b"print()", "empty": b"", "a/same": b"same", "b/same": b"same"}


@pytest.fixture
def counting(running: Running) -> Counting:
    return Counting(running.stub())


def content(counting: Counting, tree: pb.Tree, folder: Path) -> dict[str, bytes]:
    files = counting.transfer.download(tree.name, folder)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


async def test_one_call_stores_them_new_or_not(counting: Counting, tmp_path: Path) -> None:
    def story() -> None:
        first = counting.transfer.upload_bytes(FILES)
        assert counting.calls == {"CreateTree": 1}
        assert content(counting, first, tmp_path / "copy") == FILES
        counting.calls.clear()
        assert counting.transfer.upload_bytes(FILES) == first
        assert counting.calls == {"CreateTree": 1}

    await asyncio.to_thread(story)


async def test_a_folder_that_is_the_same_is_asked_for_and_no_more(counting: Counting, tmp_path: Path) -> None:
    later = time.time() + 3600
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_bytes(b"print()")

    def submitted() -> pb.Tree:
        cache = DigestCache(tmp_path / "cache.json", lambda: later)
        return counting.transfer.upload(snapshot(tmp_path / "source"), cache=cache)

    first = await asyncio.to_thread(submitted)
    counting.calls.clear()
    assert await asyncio.to_thread(submitted) == first
    assert counting.calls == {"GetTree": 1}


@pytest.mark.parametrize("files", [1, MOST_FILES + 1], ids=["few", "many"])
async def test_who_believes_asks_for_a_folder_once(counting: Counting, tmp_path: Path, files: int) -> None:
    later = time.time() + 3600
    (tmp_path / "source").mkdir()
    for number in range(files):
        (tmp_path / "source" / str(number)).write_bytes(b"print()")

    def submitted() -> pb.Tree:
        cache = DigestCache(tmp_path / "cache.json", lambda: later)
        return transfer.upload(snapshot(tmp_path / "source"), cache=cache, believing=True)

    transfer = counting.transfer
    first = await asyncio.to_thread(submitted)
    counting.calls.clear()
    assert await asyncio.to_thread(submitted) == first
    assert not counting.calls
    (tmp_path / "source" / "0").write_bytes(b"print(1)")
    assert await asyncio.to_thread(submitted) != first


@pytest.mark.parametrize("known", [0, 1, 2], ids=["none-known", "some-known", "all-known"])
async def test_what_was_known_and_is_gone_is_stored_again(counting: Counting, tmp_path: Path, known: int) -> None:
    """What a client remembers of another server, or of what was collected since, does not mislead it."""
    later = time.time() + 3600
    source = tmp_path / "source"
    source.mkdir()
    cache = DigestCache(tmp_path / "cache.json", lambda: later)
    for name in ("one", "two"):
        (source / name).write_bytes(name.encode())
    for name, file in list(snapshot(source).items())[:known]:
        assert file.state
        cache.keep(name, file.state, [hashlib.sha256(name.encode()).hexdigest()])
    tree = await asyncio.to_thread(lambda: counting.transfer.upload(snapshot(source), cache=cache))
    assert await asyncio.to_thread(content, counting, tree, tmp_path / "copy") == {"one": b"one", "two": b"two"}


async def test_a_server_from_before_gets_them_as_it_can(counting: Counting, tmp_path: Path) -> None:
    def create(requests: Iterator[rpc.CreateTreeRequest], **options: Any) -> Any:
        return counting.stub.CreateTree((_without_blobs(each) for each in requests), **options)

    counting.instead["CreateTree"] = create
    tree = await asyncio.to_thread(counting.transfer.upload_bytes, FILES)
    assert counting.calls["BatchUploadBlobs"] == 1
    assert await asyncio.to_thread(content, counting, tree, tmp_path / "copy") == FILES


def _without_blobs(request: rpc.CreateTreeRequest) -> rpc.CreateTreeRequest:
    request.ClearField("blobs")
    return request


@pytest.mark.parametrize(
    "files", [{"large": bytes(MOST_BYTES + 1)}, {str(number): b"%d" % number for number in range(MOST_FILES + 1)}]
)
async def test_many_or_large_ones_go_their_own_way(counting: Counting, files: dict[str, bytes]) -> None:
    await asyncio.to_thread(counting.transfer.upload_bytes, files)
    assert counting.calls["FindMissingBlobs"] >= 1


async def test_bytes_that_are_too_many_are_refused_and_none_is_stored(running: Running) -> None:
    stub = running.stub()
    blobs = [bytes(2 * 1024 * 1024), b"x" * 1024 * 1024 + b"y"]
    with pytest.raises(grpc.RpcError, match="too many for one batch"):
        await asyncio.to_thread(stub.CreateTree, iter([rpc.CreateTreeRequest(parent=LAB, blobs=blobs)]))
    digests = [hashlib.sha256(each).hexdigest() for each in blobs]
    asked = rpc.FindMissingBlobsRequest(parent=LAB, digests=digests)
    assert list((await asyncio.to_thread(stub.FindMissingBlobs, asked)).missing_digests) == digests
