"""What inference needs of the artifacts service."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from orris.artifacts.v1 import artifacts_pb2, artifacts_service_pb2
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import FailedPrecondition, InvalidArgument
from orris.names import BlobName, TreeName
from orris.sdk.arrival import Arrival

if TYPE_CHECKING:
    import grpc

    from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceAsyncStub

SERVICE = artifacts_service_pb2.DESCRIPTOR.services_by_name["ArtifactService"]
GRAPH_LIMIT = 2 * 1024 * 1024 * 1024
MESSAGE_BYTES = 1024 * 1024


class Artifacts:
    """The artifacts service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: ArtifactServiceAsyncStub = ArtifactServiceStub(channel)

    async def read_graph(self, tree: str, path: str) -> bytes:
        """Return the ONNX graph at `path` in a tree; at an empty path the only file of the tree that is one.

        Raises FailedPrecondition where there is none, or one too large for memory; DataLoss for damaged bytes.
        """
        entries = [entry async for entry in self._entries(tree, path) if path or entry.path.endswith(".onnx")]
        if len(entries) != 1:
            message = f"the model's files hold {len(entries)} ONNX graphs; register the file of one"
            raise FailedPrecondition(message, reason="NO_GRAPH")
        entry = entries[0]
        if entry.size > GRAPH_LIMIT:
            message = f"{entry.path} has {entry.size} bytes; graphs of up to {GRAPH_LIMIT} are served"
            raise FailedPrecondition(message, reason="GRAPH_TOO_LARGE")
        return await self._read(tree, entry)

    async def check_file(self, tree: str, path: str, limit: int, field: str) -> None:
        """Raise InvalidArgument, which names `field`, unless a tree has a file of at most `limit` bytes at `path`."""
        found = [entry async for entry in self._entries(tree, path) if entry.path == path]
        if not found:
            raise InvalidArgument(f"{field}: the snapshot has no file {path[:300]!r}", field=field)
        if found[0].size > limit:
            raise InvalidArgument(f"{field}: {path[:300]!r} is larger than {limit} bytes", field=field)

    async def read_file(self, tree: str, path: str) -> bytes:
        """Return a small file's bytes; empty where there is none."""
        found = [entry async for entry in self._entries(tree, path) if entry.path == path]
        return await self._read(tree, found[0]) if found else b""

    async def refer(self, workspace: str, owner: str, trees: Sequence[str]) -> None:
        """Have trees kept for an owner. Raises FailedPrecondition (TARGET_MISSING) for what is gone."""
        reference = artifacts_pb2.Reference(owner=owner, trees=trees)
        request = artifacts_service_pb2.SetReferenceRequest(parent=f"workspaces/{workspace}", reference=reference)
        await self._stub.SetReference(request)

    async def forget(self, workspace: str, owner: str) -> None:
        """Have nothing kept for an owner any more."""
        request = artifacts_service_pb2.DeleteReferenceRequest(parent=f"workspaces/{workspace}", owner=owner)
        await self._stub.DeleteReference(request)

    async def _read(self, tree: str, entry: artifacts_pb2.TreeEntry) -> bytes:
        content = bytearray()
        workspace = TreeName.parse(tree).workspace
        for chunk in entry.chunks:
            arrival = Arrival(chunk, lambda data, offset: content.extend(data))
            request = artifacts_service_pb2.DownloadBlobRequest(name=str(BlobName(workspace, chunk.digest)))
            async for response in self._stub.DownloadBlob(request):
                arrival.take(response.data)
            arrival.finish()
        return bytes(content)

    async def compose(self, workspace: str, folders: Sequence[tuple[str, str]], files: Mapping[str, bytes]) -> str:
        """Create a tree of other trees' files, each tree below its folder, and of new files; return its name.

        Nothing of the trees is copied: their chunks are stored already.
        """
        parent = f"workspaces/{workspace}"
        entries = [_entry(path, content) for path, content in files.items()]
        items = [
            artifacts_service_pb2.BatchUploadBlobsRequest.Item(digest=hashlib.sha256(data).hexdigest(), data=data)
            for data in files.values()
            if data
        ]
        await self._stub.BatchUploadBlobs(artifacts_service_pb2.BatchUploadBlobsRequest(parent=parent, items=items))
        for folder, tree in folders:
            async for entry in self._entries(tree):
                entry.path = f"{folder}/{entry.path}"
                entries.append(entry)
        response = await self._stub.CreateTree(_messages(parent, entries))
        return response.tree.name

    async def _entries(self, tree: str, path: str = "") -> AsyncIterator[artifacts_pb2.TreeEntry]:
        request = artifacts_service_pb2.ListTreeEntriesRequest(parent=tree, path=path)
        while True:
            response = await self._stub.ListTreeEntries(request)
            for entry in response.entries:
                yield entry
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token


def _entry(path: str, content: bytes) -> artifacts_pb2.TreeEntry:
    digest = hashlib.sha256(content).hexdigest()
    chunks = [artifacts_pb2.Chunk(digest=digest, size=len(content))] if content else []
    return artifacts_pb2.TreeEntry(path=path, size=len(content), mode=0o644, digest=digest, chunks=chunks)


async def _messages(
    parent: str, entries: Iterable[artifacts_pb2.TreeEntry]
) -> AsyncIterator[artifacts_service_pb2.CreateTreeRequest]:
    """Pack the entries into messages well below gRPC's limit."""
    message, size = artifacts_service_pb2.CreateTreeRequest(parent=parent), 0
    for entry in entries:
        if size > MESSAGE_BYTES:
            yield message
            message, size = artifacts_service_pb2.CreateTreeRequest(), 0
        message.entries.append(entry)
        size += entry.ByteSize()
    yield message
