"""A service of artifacts in memory: blobs, trees by their files' names, references."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from orris.artifacts.v1 import artifacts_pb2, data_pb2
from orris.artifacts.v1 import artifacts_service_pb2 as pb
from orris.artifacts.v1 import data_service_pb2 as data
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceServicer
from orris.artifacts.v1.data_service_pb2_grpc import DataServiceServicer
from orris.errors import FailedPrecondition, NotFound, Unavailable
from orris_kit.access import allow
from orris_kit.auth import Role

services = allow(Role.SERVICE)


class FakeArtifacts(ArtifactServiceServicer):
    """What a test puts into `trees` and `blobs` is stored; `calls` counts by method.

    `down`: all calls are refused. `refused`: owners whose references are refused.
    """

    def __init__(self) -> None:
        self.trees: dict[str, list[str]] = {}
        self.blobs: dict[str, bytes] = {}
        self.references: dict[str, artifacts_pb2.Reference] = {}
        self.calls: Counter[str] = Counter()
        self.down = False
        self.refused: set[str] = set()

    def tree(self, *paths: str) -> str:
        """Store a tree; return its name."""
        digest = hashlib.sha256("\n".join(paths).encode()).hexdigest()
        name = f"workspaces/default/trees/{digest}"
        self.trees[name] = list(paths)
        return name

    def _count(self, method: str) -> None:
        self.calls[method] += 1
        if self.down:
            raise Unavailable("down")

    @services
    async def ListTreeEntries(self, request: pb.ListTreeEntriesRequest, context: Any) -> pb.ListTreeEntriesResponse:
        self._count("ListTreeEntries")
        if request.parent not in self.trees:
            raise NotFound("no such tree", reason="TREE_NOT_FOUND")
        paths = [
            path
            for path in self.trees[request.parent]
            if not request.path or path == request.path or path.startswith(request.path + "/")
        ]
        return pb.ListTreeEntriesResponse(entries=[artifacts_pb2.TreeEntry(path=path) for path in paths])

    @services
    async def SetReference(self, request: pb.SetReferenceRequest, context: Any) -> pb.SetReferenceResponse:
        self._count("SetReference")
        self._refer([request.reference])
        return pb.SetReferenceResponse()

    @services
    async def SetReferences(self, request: pb.SetReferencesRequest, context: Any) -> pb.SetReferencesResponse:
        self._count("SetReferences")
        self._refer(request.references)
        return pb.SetReferencesResponse()

    @services
    async def KeepFiles(self, request: pb.KeepFilesRequest, context: Any) -> pb.KeepFilesResponse:
        self._count("KeepFiles")
        self._refer([request.reference])
        tree = self.tree(*sorted(entry.path for entry in request.files.entries))
        self.references[request.reference.owner].trees.append(tree)
        return pb.KeepFilesResponse(tree=artifacts_pb2.Tree(name=tree))

    def _refer(self, references: Sequence[artifacts_pb2.Reference]) -> None:
        for reference in references:
            if reference.owner in self.refused:
                raise FailedPrecondition("refused", reason="TARGET_MISSING")
            missing = [name for name in reference.trees if name not in self.trees]
            missing += [name for name in reference.blobs if name.rpartition("/")[2] not in self.blobs]
            if missing:
                raise FailedPrecondition(f"{missing[0]} is not stored", reason="TARGET_MISSING")
        self.references.update({reference.owner: reference for reference in references})

    @services
    async def DeleteReference(self, request: pb.DeleteReferenceRequest, context: Any) -> pb.DeleteReferenceResponse:
        self._count("DeleteReference")
        self.references.pop(request.owner, None)
        return pb.DeleteReferenceResponse()

    @services
    async def FindMissingBlobs(self, request: pb.FindMissingBlobsRequest, context: Any) -> pb.FindMissingBlobsResponse:
        self._count("FindMissingBlobs")
        missing = [digest for digest in request.digests if digest not in self.blobs]
        return pb.FindMissingBlobsResponse(missing_digests=missing)

    @services
    async def UploadBlob(self, requests: AsyncIterator[pb.UploadBlobRequest], context: Any) -> pb.UploadBlobResponse:
        self._count("UploadBlob")
        messages = [message async for message in requests]
        data = b"".join(message.data for message in messages)
        assert hashlib.sha256(data).hexdigest() == messages[0].digest
        assert len(data) == messages[0].size
        self.blobs[messages[0].digest] = data
        return pb.UploadBlobResponse()

    @services
    async def DownloadBlob(
        self, request: pb.DownloadBlobRequest, context: Any
    ) -> AsyncIterator[pb.DownloadBlobResponse]:
        data = self.blobs[request.name.rpartition("/")[2]]
        wanted = data[request.offset : request.offset + request.length]
        for begin in range(0, len(wanted), 50_000):
            yield pb.DownloadBlobResponse(data=wanted[begin : begin + 50_000])

    @allow(Role.SERVICE)
    async def BatchUploadBlobs(self, request: Any, context: Any) -> Any:
        raise NotImplementedError

    @allow(Role.SERVICE)
    async def CreateTree(self, requests: Any, context: Any) -> Any:
        raise NotImplementedError

    @allow(Role.SERVICE)
    async def CollectGarbage(self, request: Any, context: Any) -> AsyncIterator[Any]:
        raise NotImplementedError
        yield

    BatchReadBlobs = GetTree = BatchUploadBlobs
    PrepareUploads = CompleteUploads = PrepareDownloads = GetStorage = BatchUploadBlobs


class FakeData(DataServiceServicer):
    """The versions of datasets that a test puts into `versions`, by their names."""

    def __init__(self) -> None:
        self.versions: dict[str, data_pb2.DatasetVersion] = {}

    @services
    async def GetDatasetVersion(self, request: data.GetDatasetVersionRequest, context: Any) -> Any:
        if request.name not in self.versions:
            raise NotFound(f"no {request.name}", reason="DATASET_NOT_FOUND")
        return data.GetDatasetVersionResponse(dataset_version=self.versions[request.name])

    @services
    async def ListDatasetVersions(self, request: Any, context: Any) -> Any:
        raise NotImplementedError

    GetDatastore = ListDatastores = UpdateDatastore = DeleteDatastore = ListDatasetVersions
    CreateDatasetVersion = UpdateDatasetVersion = DeleteDatasetVersion = ListDatasetVersions
