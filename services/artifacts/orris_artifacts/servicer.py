"""The contract's handlers: translate, say who may call, leave the rules to the core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from itertools import starmap
from typing import Any

from orris.artifacts.v1 import artifacts_service_pb2 as pb
from orris.artifacts.v1.artifacts_pb2 import DirectDownload
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceServicer
from orris.names import BlobName, StorageName, TreeName, WorkspaceName
from orris_artifacts.collecting import reports_of
from orris_artifacts.core import Artifacts
from orris_artifacts.direct import Upload, large_blobs
from orris_artifacts.garbage import DEFAULT_GRACE
from orris_artifacts.manifest import Entry
from orris_artifacts.receiving import receive_blob, receive_draft
from orris_artifacts.sending import Giving
from orris_artifacts.translation import (
    download_message,
    entry_from,
    entry_message,
    grace_from,
    storage_message,
    tree_message,
    upload_message,
)
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.blocking import run_blocking
from orris_kit.paging import MAX_PAGE_SIZE, after_key, page_size, page_token

# Streams of blobs at one time, in each direction: of each, a few pieces of 1 MiB are in memory, and 16 MiB on the disk.
MAX_TRANSFERS = 8

# Who reads no faster than that keeps others from a slot: 16 MiB in five minutes, as for uploads.
DOWNLOAD_SECONDS = 300.0

writers = allow(Role.USER, Role.AGENT, Role.SERVICE)
readers = allow(Role.USER, Role.AGENT, Role.SERVICE, Role.READER)


class ArtifactServicer(ArtifactServiceServicer):
    """Blobs, trees, references and garbage over gRPC."""

    def __init__(self, core: Artifacts, grace: timedelta = DEFAULT_GRACE) -> None:
        self._blobs, self._direct = core.blobs, core.direct
        self._trees, self._references, self._keeping = core.trees, core.references, core.keeping
        self._garbage, self._storage, self._grace = core.garbage, core.storage, grace
        self._uploads = asyncio.Semaphore(MAX_TRANSFERS)
        self._downloads = asyncio.Semaphore(MAX_TRANSFERS)

    @readers
    async def FindMissingBlobs(self, request: pb.FindMissingBlobsRequest, context: Any) -> pb.FindMissingBlobsResponse:
        missing = await run_blocking(self._blobs.missing, _workspace(request.parent), request.digests)
        return pb.FindMissingBlobsResponse(missing_digests=missing)

    @writers
    async def BatchUploadBlobs(self, request: pb.BatchUploadBlobsRequest, context: Any) -> pb.BatchUploadBlobsResponse:
        items = [(item.digest, item.data) for item in request.items]
        await run_blocking(self._blobs.put_many, _workspace(request.parent), items)
        return pb.BatchUploadBlobsResponse()

    @writers
    async def UploadBlob(
        self, request_iterator: AsyncIterator[pb.UploadBlobRequest], context: Any
    ) -> pb.UploadBlobResponse:
        await receive_blob(request_iterator, self._blobs, self._uploads)
        return pb.UploadBlobResponse()

    @writers
    async def PrepareUploads(self, request: pb.PrepareUploadsRequest, context: Any) -> pb.PrepareUploadsResponse:
        blobs = [(blob.digest, blob.size) for blob in request.blobs]
        prepared = await run_blocking(self._direct.prepare_uploads, _workspace(request.parent), blobs)
        return pb.PrepareUploadsResponse(uploads=starmap(upload_message, prepared))

    @writers
    async def CompleteUploads(self, request: pb.CompleteUploadsRequest, context: Any) -> pb.CompleteUploadsResponse:
        uploads = [Upload(upload.id, upload.digest, upload.size) for upload in request.uploads]
        await run_blocking(self._direct.complete_uploads, _workspace(request.parent), uploads)
        return pb.CompleteUploadsResponse()

    @readers
    async def PrepareDownloads(self, request: pb.PrepareDownloadsRequest, context: Any) -> pb.PrepareDownloadsResponse:
        prepared = await run_blocking(self._direct.prepare_downloads, _workspace(request.parent), request.digests)
        return pb.PrepareDownloadsResponse(downloads=starmap(download_message, prepared.items()))

    @readers
    async def BatchReadBlobs(self, request: pb.BatchReadBlobsRequest, context: Any) -> pb.BatchReadBlobsResponse:
        data = await run_blocking(self._blobs.read_many, _workspace(request.parent), request.digests)
        return pb.BatchReadBlobsResponse(data=data)

    @readers
    async def DownloadBlob(
        self, request: pb.DownloadBlobRequest, context: Any
    ) -> AsyncIterator[pb.DownloadBlobResponse]:
        name = BlobName.parse(request.name)
        begin = partial(self._blobs.read, name.workspace, name.sha256, request.offset, request.length)
        async with Giving(self._downloads, DOWNLOAD_SECONDS, begin) as giving:
            while (piece := await giving.next()) is not None:
                yield pb.DownloadBlobResponse(data=piece)

    @writers
    async def CreateTree(
        self, request_iterator: AsyncIterator[pb.CreateTreeRequest], context: Any
    ) -> pb.CreateTreeResponse:
        async with receive_draft(request_iterator, self._trees, self._blobs) as draft:
            tree = await run_blocking(self._trees.create, draft)
        return pb.CreateTreeResponse(tree=tree_message(tree))

    @readers
    async def GetTree(self, request: pb.GetTreeRequest, context: Any) -> pb.GetTreeResponse:
        name = TreeName.parse(request.name)
        tree = await run_blocking(self._trees.get, name.workspace, name.sha256)
        return pb.GetTreeResponse(tree=tree_message(tree))

    @readers
    async def ListTreeEntries(self, request: pb.ListTreeEntriesRequest, context: Any) -> pb.ListTreeEntriesResponse:
        return await run_blocking(self._list, request)

    @allow(Role.SERVICE)
    async def SetReference(self, request: pb.SetReferenceRequest, context: Any) -> pb.SetReferenceResponse:
        workspace, wanted = _workspace(request.parent), request.reference
        await run_blocking(self._references.set, workspace, wanted.owner, wanted.trees, wanted.blobs)
        return pb.SetReferenceResponse()

    @allow(Role.SERVICE)
    async def SetReferences(self, request: pb.SetReferencesRequest, context: Any) -> pb.SetReferencesResponse:
        needs = [(each.owner, each.trees, each.blobs) for each in request.references]
        await run_blocking(self._references.set_all, _workspace(request.parent), needs)
        return pb.SetReferencesResponse()

    @allow(Role.SERVICE)
    async def KeepFiles(self, request: pb.KeepFilesRequest, context: Any) -> pb.KeepFilesResponse:
        workspace, wanted = _workspace(request.parent), request.reference
        files = map(entry_from, request.files.entries), request.files.blobs
        reference = wanted.owner, wanted.trees, wanted.blobs
        tree = await run_blocking(self._keeping.keep, workspace, files, reference)
        return pb.KeepFilesResponse(tree=tree_message(tree))

    @allow(Role.SERVICE)
    async def DeleteReference(self, request: pb.DeleteReferenceRequest, context: Any) -> pb.DeleteReferenceResponse:
        await run_blocking(self._references.delete, _workspace(request.parent), request.owner)
        return pb.DeleteReferenceResponse()

    @readers
    async def GetStorage(self, request: pb.GetStorageRequest, context: Any) -> pb.GetStorageResponse:
        storage = await run_blocking(self._storage.storage, StorageName.parse(request.name).workspace)
        return pb.GetStorageResponse(storage=storage_message(storage))

    @allow(Role.USER, Role.SERVICE)
    async def CollectGarbage(
        self, request: pb.CollectGarbageRequest, context: Any
    ) -> AsyncIterator[pb.CollectGarbageResponse]:
        grace = grace_from(request.grace) if request.HasField("grace") else self._grace
        steps = self._garbage.collect(_workspace(request.parent), grace, dry_run=request.dry_run)
        async with aclosing(reports_of(steps)) as reports:
            async for report in reports:
                yield report

    def _list(self, request: pb.ListTreeEntriesRequest) -> pb.ListTreeEntriesResponse:
        name = TreeName.parse(request.parent, field="parent")
        query = {"tree": str(name), "path": request.path}
        (after,) = after_key(request.page_token, query, str) or ("",)
        limit = page_size(request.page_size, default=MAX_PAGE_SIZE)
        tree = self._trees.get(name.workspace, name.sha256)
        entries, more = self._trees.entries(tree, request.path, str(after), limit)
        token = page_token([entries[-1].path], query) if more else ""
        downloads = self._downloads_of(name.workspace, entries, request.download_count)
        return pb.ListTreeEntriesResponse(
            entries=map(entry_message, entries), next_page_token=token, downloads=downloads
        )

    def _downloads_of(self, workspace: str, entries: Sequence[Entry], count: int) -> Iterator[DirectDownload]:
        digests = large_blobs(entries, count)
        return starmap(download_message, self._direct.prepare_downloads(workspace, digests).items())


def _workspace(parent: str) -> str:
    return WorkspaceName.parse(parent, field="parent").workspace
