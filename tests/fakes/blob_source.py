"""The artifacts service as a downloading client sees it, in memory; it can be told to fail and to lie."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import cast

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.digests import digest_of_file
from orris.errors import NotFound, OutOfRange, Unimplemented

TREE = f"workspaces/lab/trees/{'0' * 64}"
MESSAGE_BYTES = 64 * 1024


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry(path: str, *chunks: bytes, mode: int = 0o644) -> pb.TreeEntry:
    """Return the entry of a file that consists of these chunks."""
    digests = [sha256(chunk) for chunk in chunks]
    size = sum(map(len, chunks))
    described = pb.TreeEntry(path=path, size=size, mode=mode, digest=digest_of_file(digests))
    for digest, chunk in zip(digests, chunks, strict=True):
        described.chunks.add(digest=digest, size=len(chunk))
    return described


class BlobSource:
    """One tree, `entries`, and the blobs behind it, `blobs`. `sent` has the digests of the blobs sent, in order.

    `stream` may replace what DownloadBlob sends, given the digest and the offset. `signed` are the requests that
    PrepareDownloads hands out, by digest; `is_old` has no such method. `prepared` has what it was asked for.
    """

    def __init__(self) -> None:
        self.entries: list[pb.TreeEntry] = []
        self.blobs: dict[str, bytes] = {}
        self.sent: list[str] = []
        self.calls: Counter[str] = Counter()
        self.stream: Callable[[str, int], Iterator[bytes]] = self.pieces
        self.signed: dict[str, pb.SignedRequest] = {}
        self.prepared: list[list[str]] = []
        self.is_old = False

    @property
    def stub(self) -> ArtifactServiceStub:
        """What takes the place of the real one."""
        return cast(ArtifactServiceStub, self)

    def add(self, path: str, *chunks: bytes, mode: int = 0o644) -> pb.TreeEntry:
        """Put a file into the tree."""
        self.blobs |= {sha256(chunk): chunk for chunk in chunks}
        self.entries.append(entry(path, *chunks, mode=mode))
        return self.entries[-1]

    def pieces(self, digest: str, offset: int) -> Iterator[bytes]:
        """Give what an honest service sends."""
        data = self.read(digest)
        for begin in range(offset, len(data), MESSAGE_BYTES):
            yield data[begin : begin + MESSAGE_BYTES]

    def read(self, digest: str) -> bytes:
        """Return a blob. Raises NotFound."""
        if digest not in self.blobs:
            raise NotFound(f"blob {digest} is not stored", reason="BLOB_NOT_FOUND")
        return self.blobs[digest]

    def ListTreeEntries(self, request: rpc.ListTreeEntriesRequest, timeout: float) -> rpc.ListTreeEntriesResponse:
        self.calls["ListTreeEntries"] += 1
        wanted = [each for each in self.entries if request.path in ("", each.path)]
        return rpc.ListTreeEntriesResponse(entries=wanted)

    def BatchReadBlobs(self, request: rpc.BatchReadBlobsRequest, timeout: float) -> rpc.BatchReadBlobsResponse:
        self.calls["BatchReadBlobs"] += 1
        self.sent += request.digests
        return rpc.BatchReadBlobsResponse(data=[self.read(digest) for digest in request.digests])

    def DownloadBlob(self, request: rpc.DownloadBlobRequest, timeout: float) -> Iterator[rpc.DownloadBlobResponse]:
        self.calls["DownloadBlob"] += 1
        digest = request.name.rpartition("/")[2]
        if request.offset > len(self.read(digest)):
            raise OutOfRange("behind the end", reason="OFFSET_TOO_LARGE")
        self.sent.append(digest)
        for data in self.stream(digest, request.offset):
            yield rpc.DownloadBlobResponse(data=data)

    def PrepareDownloads(self, request: rpc.PrepareDownloadsRequest, timeout: float) -> rpc.PrepareDownloadsResponse:
        self.calls["PrepareDownloads"] += 1
        if self.is_old:
            raise Unimplemented("no such method")
        self.prepared.append(list(request.digests))
        response = rpc.PrepareDownloadsResponse()
        for digest in request.digests:
            if digest in self.signed:
                response.downloads.add(digest=digest, request=self.signed[digest])
        return response
