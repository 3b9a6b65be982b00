"""Take what a client streams in: bounded in bytes and in time, because streams have no deadline of their own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orris.artifacts.v1 import artifacts_service_pb2 as pb
from orris.errors import DeadlineExceeded
from orris.names import WorkspaceName
from orris_artifacts.blobs import Blobs
from orris_artifacts.draft import Draft
from orris_artifacts.translation import entry_from
from orris_artifacts.trees import Trees
from orris_kit.blocking import run_blocking

# 16 MiB in five minutes are 56 kB/s, 1 MiB in a minute is less: a slower line would not do anyway.
UPLOAD_SECONDS = 300.0
MESSAGE_SECONDS = 60.0
TREE_SECONDS = 600.0


async def receive_blob(requests: AsyncIterator[pb.UploadBlobRequest], blobs: Blobs, slots: asyncio.Semaphore) -> None:
    """Store the blob that is streamed. Who says nothing has none of the slots, or not for long.

    Raises InvalidArgument (SIZE_MISMATCH, DIGEST_MISMATCH), DeadlineExceeded.
    """
    async with _in_time(UPLOAD_SECONDS):
        first = await _next(requests) or pb.UploadBlobRequest()
        workspace = WorkspaceName.parse(first.parent, field="parent").workspace
        async with slots:
            incoming = await run_blocking(blobs.receive, workspace, first.digest, first.size)
            try:
                await run_blocking(incoming.write, first.data)
                while (request := await _next(requests)) is not None:
                    await run_blocking(incoming.write, request.data)
                await run_blocking(incoming.commit)
            finally:
                await run_blocking(incoming.close)


async def _next(requests: AsyncIterator[pb.UploadBlobRequest]) -> pb.UploadBlobRequest | None:
    async with _in_time(MESSAGE_SECONDS):
        return await anext(requests, None)


@asynccontextmanager
async def receive_draft(
    requests: AsyncIterator[pb.CreateTreeRequest], trees: Trees, blobs: Blobs
) -> AsyncIterator[Draft]:
    """Give the draft of a tree whose entries, and some of its blobs, are streamed.

    Raises InvalidArgument, ResourceExhausted, DeadlineExceeded.
    """
    async with _in_time(TREE_SECONDS):
        request = await anext(requests, pb.CreateTreeRequest())
        workspace = WorkspaceName.parse(request.parent, field="parent").workspace
        draft = trees.draft(workspace)

    def add(request: pb.CreateTreeRequest) -> None:
        if request.blobs:
            blobs.put_many(workspace, [(hashlib.sha256(data).hexdigest(), data) for data in request.blobs])
        draft.add(map(entry_from, request.entries))

    try:
        async with _in_time(TREE_SECONDS):
            await run_blocking(add, request)
            async for request in requests:
                await run_blocking(add, request)
        yield draft
    finally:
        draft.close()


@asynccontextmanager
async def _in_time(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError as error:
        if limit.expired():
            raise DeadlineExceeded(f"{seconds:g} s were not enough for what was to come; send faster") from error
        raise
