"""Services read files of several chunks, and check what they read."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.errors import DataLoss
from orris.sdk.content import CHUNK_BYTES
from orris_inference.outside.artifacts import Artifacts
from orris_kit.client import connect
from orris_models.artifacts_client import ArtifactsClient
from tests.integration.artifacts.conftest import Running

CONTENT = os.urandom(2 * CHUNK_BYTES + 5)


@pytest.fixture
async def tree(running: Running) -> pb.Tree:
    return await asyncio.to_thread(running.transfer().upload_bytes, {"model.onnx": CONTENT, "empty": b""})


@asynccontextmanager
async def inference(running: Running) -> AsyncIterator[tuple[Artifacts, str]]:
    async with connect(f"127.0.0.1:{running.port}", lambda: "service@lab") as channel:
        yield Artifacts(channel), "_stub"


@asynccontextmanager
async def models(running: Running) -> AsyncIterator[tuple[ArtifactsClient, str]]:
    async with connect(f"127.0.0.1:{running.port}", lambda: "service@lab") as channel:
        yield ArtifactsClient(channel), "_service"


async def graph(client: Any, tree: str) -> bytes:
    if isinstance(client, Artifacts):
        return await client.read_graph(tree, "model.onnx")
    (file,) = await client.files(tree, "model.onnx")
    read: bytes = await client.read("lab", file)
    return read


class Lying:
    """A service that sends other bytes."""

    def __init__(self, real: Any, change: Callable[[bytes], bytes]) -> None:
        self._real, self._change = real, change

    async def DownloadBlob(self, request: rpc.DownloadBlobRequest) -> AsyncIterator[rpc.DownloadBlobResponse]:
        async for response in self._real.DownloadBlob(request):
            yield rpc.DownloadBlobResponse(data=self._change(response.data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@pytest.mark.parametrize("service", [inference, models])
async def test_a_large_file_is_read_whole(running: Running, tree: pb.Tree, service: Any) -> None:
    async with service(running) as (client, _):
        assert await graph(client, tree.name) == CONTENT


@pytest.mark.parametrize("service", [inference, models])
@pytest.mark.parametrize(
    "change",
    [lambda data: b"?" + data[1:], lambda data: data[1:], lambda data: data * 2],
    ids=["other", "fewer", "more"],
)
async def test_other_bytes_are_not_taken_for_the_files(
    running: Running, tree: pb.Tree, service: Any, change: Callable[[bytes], bytes]
) -> None:
    async with service(running) as (client, stub):
        setattr(client, stub, Lying(getattr(client, stub), change))
        with pytest.raises(DataLoss):
            await graph(client, tree.name)
