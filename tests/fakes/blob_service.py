"""The artifacts service as an uploading client sees it, in memory: as strict as the real one, without a wire."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.digests import digest_of_file
from orris.errors import FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from orris.sdk.pieces import tree_digest


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class BlobService:
    """`blobs` and `trees` are what is stored, `calls` counts by method, `sent` has the digests in order of arrival.

    `sign` says where a blob is to be PUT; without it nothing can be sent directly. `arrived` tells what came there.
    `before` is called with the method's name at the beginning of each call.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.trees: dict[str, list[pb.TreeEntry]] = {}
        self.calls: Counter[str] = Counter()
        self.sent: list[str] = []
        self.sign: Callable[[str, int], pb.SignedRequest | None] = lambda digest, size: None
        self.arrived: Callable[[str], bytes | None] = lambda digest: None
        self.before: Callable[[str], object] = lambda method: None
        self.is_old = False
        self._lock = threading.Lock()

    @property
    def stub(self) -> ArtifactServiceStub:
        """What takes the place of the real one."""
        return cast(ArtifactServiceStub, self)

    def FindMissingBlobs(self, request: rpc.FindMissingBlobsRequest, timeout: float) -> rpc.FindMissingBlobsResponse:
        self._begin("FindMissingBlobs")
        assert len(request.digests) <= 10_000
        missing = [digest for digest in request.digests if digest not in self.blobs]
        return rpc.FindMissingBlobsResponse(missing_digests=missing)

    def BatchUploadBlobs(self, request: rpc.BatchUploadBlobsRequest, timeout: float) -> rpc.BatchUploadBlobsResponse:
        self._begin("BatchUploadBlobs")
        assert sum(len(item.data) for item in request.items) <= 3 * 1024 * 1024
        for item in request.items:
            self._store(item.digest, item.data)
        return rpc.BatchUploadBlobsResponse()

    def UploadBlob(self, requests: Iterator[rpc.UploadBlobRequest], timeout: float) -> rpc.UploadBlobResponse:
        self._begin("UploadBlob")
        first = next(requests)
        data = bytearray()
        for request in requests:
            assert len(request.data) <= 1024 * 1024
            data += request.data
        if len(data) != first.size:
            raise InvalidArgument("other bytes than announced", field="size", reason="SIZE_MISMATCH")
        self._store(first.digest, bytes(data))
        return rpc.UploadBlobResponse()

    def PrepareUploads(self, request: rpc.PrepareUploadsRequest, timeout: float) -> rpc.PrepareUploadsResponse:
        self._begin("PrepareUploads")
        if self.is_old:
            raise Unimplemented("no such method")
        response = rpc.PrepareUploadsResponse()
        for blob in request.blobs:
            signed = None if blob.digest in self.blobs else self.sign(blob.digest, blob.size)
            if signed is not None:
                response.uploads.add(id=f"upload-{blob.digest}", digest=blob.digest, size=blob.size, request=signed)
        return response

    def CompleteUploads(self, request: rpc.CompleteUploadsRequest, timeout: float) -> rpc.CompleteUploadsResponse:
        self._begin("CompleteUploads")
        for upload in request.uploads:
            assert upload.id == f"upload-{upload.digest}"
            data = self.arrived(upload.digest)
            if data is None:
                raise FailedPrecondition("nothing has arrived", reason="UPLOAD_MISSING")
            self._store(upload.digest, data)
        return rpc.CompleteUploadsResponse()

    def CreateTree(self, requests: Iterator[rpc.CreateTreeRequest], timeout: float) -> rpc.CreateTreeResponse:
        self._begin("CreateTree")
        messages = list(requests)
        entries = [entry for message in messages for entry in message.entries]
        for entry in entries:
            chunks = [chunk.digest for chunk in entry.chunks]
            if entry.digest != digest_of_file(chunks) or entry.size != sum(chunk.size for chunk in entry.chunks):
                raise InvalidArgument(f"{entry.path} is wrong", reason="INVALID_ENTRY")
            if not self.blobs.keys() >= set(chunks):
                raise FailedPrecondition("chunks are not stored", reason="BLOBS_MISSING")
        digest = tree_digest(entries)
        self.trees[digest] = entries
        return rpc.CreateTreeResponse(tree=self._tree(digest))

    def GetTree(self, request: rpc.GetTreeRequest, timeout: float) -> rpc.GetTreeResponse:
        self._begin("GetTree")
        digest = request.name.rpartition("/")[2]
        if digest not in self.trees:
            raise NotFound("no such tree", reason="TREE_NOT_FOUND")
        return rpc.GetTreeResponse(tree=self._tree(digest))

    def content(self, tree: pb.Tree) -> dict[str, bytes]:
        """Return the files of a tree."""
        entries = self.trees[tree.name.rpartition("/")[2]]
        return {entry.path: b"".join(self.blobs[chunk.digest] for chunk in entry.chunks) for entry in entries}

    def _begin(self, method: str) -> None:
        with self._lock:
            self.calls[method] += 1
        self.before(method)

    def _store(self, digest: str, data: bytes) -> None:
        if sha256(data) != digest:
            raise InvalidArgument("other bytes than those of the digest", field="digest", reason="DIGEST_MISMATCH")
        with self._lock:
            self.sent.append(digest)
            self.blobs[digest] = data

    def _tree(self, digest: str) -> pb.Tree:
        entries = self.trees[digest]
        size = sum(entry.size for entry in entries)
        return pb.Tree(name=f"workspaces/lab/trees/{digest}", file_count=len(entries), total_size=size)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no {name} in what an upload needs")
