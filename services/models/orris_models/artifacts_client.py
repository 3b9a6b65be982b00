"""The port Artifacts over the artifacts service."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence

import grpc

from orris.artifacts.v1 import artifacts_pb2 as artifacts
from orris.artifacts.v1 import artifacts_service_pb2 as pb
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.sdk.arrival import Arrival
from orris_models.ports import File

PAGE = 1000
ENTRIES_A_MESSAGE = 200


class ArtifactsClient:
    """Trees and blobs of the artifacts service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._service = ArtifactServiceStub(channel)  # type: ignore[no-untyped-call, unused-ignore]

    async def files(self, tree: str, path: str = "", limit: int | None = None) -> list[File]:
        """Return the files of a tree at or below a path, in order, at most `limit`."""
        found: list[File] = []
        token = ""
        while True:
            size = min(PAGE, limit - len(found)) if limit else PAGE
            request = pb.ListTreeEntriesRequest(parent=tree, path=path, page_size=size, page_token=token)
            answer = await self._service.ListTreeEntries(request)
            found += [File(entry.path, entry.size, entry) for entry in answer.entries]
            token = answer.next_page_token
            if not token or (limit and len(found) >= limit):
                return found

    async def create_tree(self, workspace: str, files: Mapping[str, File]) -> str:
        """Compose a tree of existing files under new paths; return its name."""
        answer = await self._service.CreateTree(_entries(workspace, files))
        return answer.tree.name

    async def upload(self, workspace: str, contents: Mapping[str, bytes]) -> dict[str, File]:
        """Store small files, together at most 3 MiB; return them by path."""
        parent = f"workspaces/{workspace}"
        blobs = {hashlib.sha256(data).hexdigest(): data for data in contents.values() if data}
        missing = await self._service.FindMissingBlobs(pb.FindMissingBlobsRequest(parent=parent, digests=blobs))
        items = [pb.BatchUploadBlobsRequest.Item(digest=each, data=blobs[each]) for each in missing.missing_digests]
        if items:
            await self._service.BatchUploadBlobs(pb.BatchUploadBlobsRequest(parent=parent, items=items))
        return {path: _small_file(path, data) for path, data in contents.items()}

    async def read(self, workspace: str, file: File) -> bytes:
        """Return a small file's bytes. Raises DataLoss when they are not those of its chunks."""
        content = bytearray()
        for chunk in file.content.chunks:
            arrival = Arrival(chunk, lambda data, offset: content.extend(data))
            name = f"workspaces/{workspace}/blobs/{chunk.digest}"
            async for answer in self._service.DownloadBlob(pb.DownloadBlobRequest(name=name)):
                arrival.take(answer.data)
            arrival.finish()
        return bytes(content)

    async def set_reference(self, workspace: str, owner: str, trees: Sequence[str]) -> None:
        """Say what an owner needs."""
        reference = artifacts.Reference(owner=owner, trees=trees)
        await self._service.SetReference(pb.SetReferenceRequest(parent=f"workspaces/{workspace}", reference=reference))

    async def delete_reference(self, workspace: str, owner: str) -> None:
        """Say that an owner needs nothing any more."""
        request = pb.DeleteReferenceRequest(parent=f"workspaces/{workspace}", owner=owner)
        await self._service.DeleteReference(request)


def _small_file(path: str, data: bytes) -> File:
    digest = hashlib.sha256(data).hexdigest()
    chunks = [artifacts.Chunk(digest=digest, size=len(data))] if data else []
    return File(
        path, len(data), artifacts.TreeEntry(path=path, size=len(data), mode=0o644, digest=digest, chunks=chunks)
    )


async def _entries(workspace: str, files: Mapping[str, File]) -> AsyncIterator[pb.CreateTreeRequest]:
    paths = list(files)
    for begin in range(0, max(len(paths), 1), ENTRIES_A_MESSAGE):
        request = pb.CreateTreeRequest(parent="" if begin else f"workspaces/{workspace}")
        for path in paths[begin : begin + ENTRIES_A_MESSAGE]:
            entry = request.entries.add()
            entry.CopyFrom(files[path].content)
            entry.path = path
        yield request
