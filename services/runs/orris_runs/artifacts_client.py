"""Artifacts, by their contract: snapshots are looked into, outputs and finished logs are kept."""

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol

import grpc

from orris.artifacts.v1 import artifacts_pb2
from orris.artifacts.v1 import artifacts_service_pb2 as service
from orris.artifacts.v1 import data_service_pb2 as data_service
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.artifacts.v1.data_service_pb2_grpc import DataServiceStub
from orris.errors import FailedPrecondition, NotFound
from orris.names import BlobName, RunName
from orris.tables import reading_of
from orris_runs.bounded import Bounded
from orris_runs.data import Dataset
from orris_runs.gathering import Gathering

CONTRACTS = [
    service.DESCRIPTOR.services_by_name["ArtifactService"],
    data_service.DESCRIPTOR.services_by_name["DataService"],
]
REMEMBERED = 10_000
NAMED = 20
BLOB_BYTES = 16 * 1024 * 1024
MESSAGE_BYTES = 1024 * 1024
UPLOAD_SECONDS = 300.0


class Artifacts(Protocol):
    """What this service needs of the service that stores bytes."""

    async def check_script(self, tree: str, script: str) -> None:
        """Raise FailedPrecondition (SCRIPT_NOT_IN_SNAPSHOT) unless the tree has the file, NotFound without the tree."""
        ...

    async def dataset(self, name: str) -> Dataset:
        """Return a version of a dataset, the latest where none is named. Raises NotFound (DATASET_NOT_FOUND)."""
        ...

    async def refer(self, run: RunName, trees: Sequence[str], blobs: Sequence[str]) -> None:
        """Have trees and blobs kept for a run, and nothing else. Raises NotFound (TREE_NOT_FOUND)."""
        ...

    async def keep(
        self, run: RunName, files: artifacts_pb2.SmallFiles, trees: Sequence[str], blobs: Sequence[str]
    ) -> str:
        """Store files; have their tree, which is returned, kept for a run, and trees and blobs, and nothing else."""
        ...

    async def forget(self, run: RunName) -> None:
        """Have nothing kept for a run."""
        ...

    async def store(self, workspace: str, data: bytes) -> str:
        """Store a blob of at most 16 MiB; return its digest."""
        ...

    def read(self, workspace: str, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        """Give some bytes of a blob."""
        ...


class ArtifactsClient:
    """The adapter."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ArtifactServiceStub(channel)
        self._data = DataServiceStub(channel)
        self._scripts: Bounded[tuple[str, str], bool] = Bounded(REMEMBERED)
        self._referring = Gathering(self._refer)

    async def check_script(self, tree: str, script: str) -> None:
        """Raise FailedPrecondition (SCRIPT_NOT_IN_SNAPSHOT) unless the tree has the file, NotFound without the tree."""
        if self._scripts.get((tree, script)):
            return
        request = service.ListTreeEntriesRequest(parent=tree, path=script, page_size=1)
        entries = (await self._stub.ListTreeEntries(request)).entries
        # The path may be that of a folder, too.
        if not any(entry.path == script for entry in entries):
            raise await self._not_there(tree, script)
        self._scripts.put((tree, script), True)

    async def dataset(self, name: str) -> Dataset:
        """Return a version of a dataset, the latest where none is named. Raises NotFound (DATASET_NOT_FOUND)."""
        request = data_service.GetDatasetVersionRequest(name=name)
        found = (await self._data.GetDatasetVersion(request)).dataset_version
        return Dataset(found.name, found.tree, reading_of(found), found.id)

    async def refer(self, run: RunName, trees: Sequence[str], blobs: Sequence[str]) -> None:
        """Have trees and blobs kept for a run, and nothing else. Raises NotFound (TREE_NOT_FOUND)."""
        reference = artifacts_pb2.Reference(owner=str(run), trees=trees, blobs=blobs)
        await self._referring.do((run.parent, reference))

    async def _refer(self, wanted: Sequence[tuple[str, artifacts_pb2.Reference]]) -> None:
        of_workspaces: dict[str, list[artifacts_pb2.Reference]] = {}
        for parent, reference in wanted:
            of_workspaces.setdefault(parent, []).append(reference)
        try:
            for parent, references in of_workspaces.items():
                await self._stub.SetReferences(service.SetReferencesRequest(parent=parent, references=references))
        except FailedPrecondition as error:
            raise NotFound(error.message, reason="TREE_NOT_FOUND") from error

    async def keep(
        self, run: RunName, files: artifacts_pb2.SmallFiles, trees: Sequence[str], blobs: Sequence[str]
    ) -> str:
        """Store files; have their tree, which is returned, kept for a run, and trees and blobs, and nothing else."""
        reference = artifacts_pb2.Reference(owner=str(run), trees=trees, blobs=blobs)
        request = service.KeepFilesRequest(parent=run.parent, files=files, reference=reference)
        return (await self._stub.KeepFiles(request)).tree.name

    async def forget(self, run: RunName) -> None:
        """Have nothing kept for a run."""
        await self._stub.DeleteReference(service.DeleteReferenceRequest(parent=run.parent, owner=str(run)))

    async def store(self, workspace: str, data: bytes) -> str:
        """Store a blob of at most 16 MiB; return its digest."""
        digest, parent = hashlib.sha256(data).hexdigest(), f"workspaces/{workspace}"
        asked = service.FindMissingBlobsRequest(parent=parent, digests=[digest])
        if (await self._stub.FindMissingBlobs(asked)).missing_digests:
            await self._stub.UploadBlob(_upload(parent, digest, data), timeout=UPLOAD_SECONDS)
        return digest

    async def read(self, workspace: str, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        """Give some bytes of a blob."""
        request = service.DownloadBlobRequest(name=str(BlobName(workspace, digest)), offset=offset, length=size)
        async for message in self._stub.DownloadBlob(request):
            yield message.data

    async def _not_there(self, tree: str, script: str) -> FailedPrecondition:
        request = service.ListTreeEntriesRequest(parent=tree, page_size=NAMED)
        answer = await self._stub.ListTreeEntries(request)
        names = ", ".join(entry.path[:100] for entry in answer.entries) or "nothing"
        more = ", …" if answer.next_page_token else ""
        message = f"run.script: the snapshot has no file {script!r}; it has {names}{more}"
        return FailedPrecondition(message, reason="SCRIPT_NOT_IN_SNAPSHOT")


def _upload(parent: str, digest: str, data: bytes) -> Iterator[service.UploadBlobRequest]:
    yield service.UploadBlobRequest(parent=parent, digest=digest, size=len(data))
    for begin in range(0, len(data), MESSAGE_BYTES):
        yield service.UploadBlobRequest(data=data[begin : begin + MESSAGE_BYTES])
