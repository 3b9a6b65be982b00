"""Where the blobs of a download come from: the artifacts service and the object storage behind it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Protocol, Self

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.names import BlobName
from orris.sdk.arrival import Arrival, Write, wrong_bytes
from orris.sdk.direct_downloads import DirectDownloads
from orris.sdk.place import Place
from orris.sdk.repeating import Sleep, repeat

CALL_SECONDS = 60.0
BLOB_SECONDS = 300.0
# What gRPC has received and nobody has taken yet is in memory: nearly a blob for each stream. Two fill a slow line.
STREAMS = 2


class Blobs(Protocol):
    """Gives blobs to files; each is verified when a method returns. May be used from several threads.

    All raise DataLoss (BLOB_DAMAGED), NotFound (BLOB_NOT_FOUND), Unavailable.
    """

    def expect(self, chunks: Sequence[pb.Chunk]) -> None:
        """Say which large blobs will be asked for, in this order."""

    def read_small(self, chunks: Iterable[pb.Chunk]) -> dict[str, bytes]:
        """Return small blobs, at most 3 MiB together, by their digests."""

    def fill(self, chunk: pb.Chunk, descriptor: int, offset: int) -> None:
        """Write a blob into a file. Raises OSError, too."""


class ServedBlobs:
    """The blobs of one workspace (its id), as long as the block lasts."""

    def __init__(self, stub: ArtifactServiceStub, workspace: str, sleep: Sleep = time.sleep) -> None:
        self._stub = stub
        self._workspace = workspace
        self._parent = f"workspaces/{workspace}"
        self._sleep = sleep
        self._direct = DirectDownloads(stub, self._parent, sleep)
        self._streams = threading.BoundedSemaphore(STREAMS)
        # By the descriptor of a file.
        self._turns: dict[int, threading.Lock] = {}

    def __enter__(self) -> Self:
        self._direct.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._direct.__exit__(*raised)

    def give(self, downloads: Iterable[pb.DirectDownload]) -> None:
        """Take what the service has said unasked of how to read blobs directly."""
        self._direct.give(downloads)

    def expect(self, chunks: Sequence[pb.Chunk]) -> None:
        self._direct.expect([chunk.digest for chunk in chunks])

    def read_small(self, chunks: Iterable[pb.Chunk]) -> dict[str, bytes]:
        wanted = {chunk.digest: chunk for chunk in chunks}
        if not wanted:
            return {}
        request = rpc.BatchReadBlobsRequest(parent=self._parent, digests=wanted)
        response = repeat(lambda: self._stub.BatchReadBlobs(request, timeout=CALL_SECONDS), self._sleep)
        blobs = dict(zip(wanted, response.data, strict=False))
        for digest, chunk in wanted.items():
            data = blobs.get(digest, b"")
            if len(data) != chunk.size or hashlib.sha256(data).hexdigest() != digest:
                raise wrong_bytes(digest)
        return blobs

    def fill(self, chunk: pb.Chunk, descriptor: int, offset: int) -> None:
        place = Place(descriptor, offset, self._turns.setdefault(descriptor, threading.Lock()))
        if not self._direct.fill(chunk, place):  # the service finds out whether the storage or the way is at fault
            self._streamed(chunk, place.write)

    def receive(self, chunk: pb.Chunk, write: Write) -> None:
        """Pass a large blob to `write`, whose bytes are right when this returns."""
        if not self._direct.receive(chunk, write):
            self._streamed(chunk, write)

    def _streamed(self, chunk: pb.Chunk, write: Write) -> None:
        arrival = Arrival(chunk, write)
        with self._streams:
            repeat(lambda: self._receive_rest(chunk.digest, arrival), self._sleep)
        arrival.finish()

    def _receive_rest(self, digest: str, arrival: Arrival) -> None:
        if arrival.complete:
            return
        request = rpc.DownloadBlobRequest(name=str(BlobName(self._workspace, digest)), offset=arrival.size)
        for response in self._stub.DownloadBlob(request, timeout=BLOB_SECONDS):
            arrival.take(response.data)
