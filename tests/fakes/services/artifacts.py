"""Blobs and trees in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from orris.artifacts.v1 import artifacts_pb2, artifacts_service_pb2
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceServicer
from orris.errors import FailedPrecondition, NotFound

MIB = 1024 * 1024

# A fake has what tests need; the rest answers UNIMPLEMENTED.
_ArtifactServiceServicer: Any = ArtifactServiceServicer


class FakeArtifacts(_ArtifactServiceServicer):
    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.trees: dict[str, list[artifacts_pb2.TreeEntry]] = {}

    def keep(self, workspace: str, files: dict[str, bytes]) -> str:
        """Store files and return the tree's name."""
        entries = []
        for path, data in files.items():
            digest = hashlib.sha256(data).hexdigest()
            self.blobs[digest] = data
            chunks = [artifacts_pb2.Chunk(digest=digest, size=len(data))] if data else []
            entries.append(artifacts_pb2.TreeEntry(path=path, size=len(data), mode=0o644, digest=digest, chunks=chunks))
        return self._create(f"workspaces/{workspace}", entries)

    def content(self, tree: str) -> dict[str, bytes]:
        """Return a tree's files."""
        return {entry.path: b"".join(self.blobs[chunk.digest] for chunk in entry.chunks) for entry in self.trees[tree]}

    def FindMissingBlobs(self, request: Any, context: Any) -> Any:
        missing = [digest for digest in request.digests if digest not in self.blobs]
        return artifacts_service_pb2.FindMissingBlobsResponse(missing_digests=missing)

    def BatchUploadBlobs(self, request: Any, context: Any) -> Any:
        self.blobs |= {item.digest: item.data for item in request.items}
        return artifacts_service_pb2.BatchUploadBlobsResponse()

    def UploadBlob(self, request_iterator: Any, context: Any) -> Any:
        messages = list(request_iterator)
        self.blobs[messages[0].digest] = b"".join(each.data for each in messages)
        return artifacts_service_pb2.UploadBlobResponse()

    def PrepareUploads(self, request: Any, context: Any) -> Any:
        return artifacts_service_pb2.PrepareUploadsResponse()

    def PrepareDownloads(self, request: Any, context: Any) -> Any:
        return artifacts_service_pb2.PrepareDownloadsResponse()

    def BatchReadBlobs(self, request: Any, context: Any) -> Any:
        return artifacts_service_pb2.BatchReadBlobsResponse(data=[self.blobs[digest] for digest in request.digests])

    def DownloadBlob(self, request: Any, context: Any) -> Iterator[Any]:
        data = self.blobs[request.name.rpartition("/")[2]][request.offset :]
        data = data[: request.length] if request.length else data
        for start in range(0, len(data), MIB):
            yield artifacts_service_pb2.DownloadBlobResponse(data=data[start : start + MIB])

    def CreateTree(self, request_iterator: Any, context: Any) -> Any:
        messages = list(request_iterator)
        entries = [entry for message in messages for entry in message.entries]
        if any(chunk.digest not in self.blobs for entry in entries for chunk in entry.chunks):
            raise FailedPrecondition("a chunk is not stored", reason="BLOBS_MISSING")
        name = self._create(messages[0].parent, entries)
        return artifacts_service_pb2.CreateTreeResponse(tree=self._tree(name))

    def GetTree(self, request: Any, context: Any) -> Any:
        return artifacts_service_pb2.GetTreeResponse(tree=self._tree(request.name))

    def ListTreeEntries(self, request: Any, context: Any) -> Any:
        self._tree(request.parent)
        entries = [
            entry
            for entry in self.trees[request.parent]
            if not request.path or entry.path == request.path or entry.path.startswith(f"{request.path}/")
        ]
        return artifacts_service_pb2.ListTreeEntriesResponse(entries=entries)

    def require(self, name: str) -> None:
        if name and name not in self.trees:
            raise NotFound(f"no tree {name}", reason="TREE_NOT_FOUND")

    def _tree(self, name: str) -> artifacts_pb2.Tree:
        self.require(name)
        return artifacts_pb2.Tree(name=name, file_count=len(self.trees[name]))

    def GetStorage(self, request: Any, context: Any) -> Any:
        files = [entry for entries in self.trees.values() for entry in entries]
        storage = artifacts_pb2.Storage(
            name=request.name,
            tree_count=len(self.trees),
            file_count=len(files),
            file_bytes=sum(entry.size for entry in files),
            blob_count=len(self.blobs),
            blob_bytes=sum(map(len, self.blobs.values())),
        )
        return artifacts_service_pb2.GetStorageResponse(storage=storage)

    def CollectGarbage(self, request: Any, context: Any) -> Iterator[Any]:
        """Collect all there is, as if nobody needed anything."""
        garbage = artifacts_pb2.Garbage(tree_count=len(self.trees))
        yield artifacts_service_pb2.CollectGarbageResponse(garbage=garbage)
        garbage.blob_count, garbage.blob_bytes = len(self.blobs), sum(map(len, self.blobs.values()))
        if not request.dry_run:
            garbage.object_count, garbage.object_bytes = garbage.blob_count, garbage.blob_bytes
            self.trees.clear()
            self.blobs.clear()
        yield artifacts_service_pb2.CollectGarbageResponse(garbage=garbage, done=True)

    def _create(self, parent: str, entries: list[artifacts_pb2.TreeEntry]) -> str:
        ordered = sorted(entries, key=lambda entry: entry.path.encode())
        lines = [
            f"{each.path}\0{each.mode:o}\0{each.size}\0{each.digest}\0{','.join(c.digest for c in each.chunks)}\n"
            for each in ordered
        ]
        name = f"{parent}/trees/{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
        self.trees[name] = ordered
        return name
