"""Large blobs straight from the object storage, where the service offers that and the storage is within reach."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Self

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import DataLoss
from orris.sdk.arrival import Arrival, Write, wrong_bytes
from orris.sdk.direct import DirectFailed, DirectStorage, StorageAway, can_pour
from orris.sdk.place import Place
from orris.sdk.repeating import Sleep
from orris.sdk.signed_downloads import SignedDownloads

# So many failures in a row are no accident any more.
MOST_FAILURES = 3


class DirectDownloads:
    """The direct way of one download. May be used from several threads. Once it is given up, it is not tried again."""

    def __init__(self, stub: ArtifactServiceStub, parent: str, sleep: Sleep = time.sleep) -> None:
        self._signed = SignedDownloads(stub, parent, sleep)
        self._storage = DirectStorage()
        self._failures = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._storage.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._storage.__exit__(*raised)

    def give(self, downloads: Iterable[pb.DirectDownload]) -> None:
        """Take requests that came unasked, with what they are for."""
        self._signed.give(downloads)

    def expect(self, digests: Sequence[str]) -> None:
        """Say which blobs will be received, in this order."""
        self._signed.expect(digests)

    def receive(self, chunk: pb.Chunk, write: Write) -> bool:
        """Pass an expected blob to `write`; tell whether all that was passed on is right."""
        return self._attempt(chunk, lambda request: self._receive(request, chunk, write))

    def fill(self, chunk: pb.Chunk, place: Place) -> bool:
        """Write an expected blob to its place; tell whether what is there now is right. Raises OSError."""
        return self._attempt(chunk, lambda request: self._fill(request, chunk, place))

    def _receive(self, request: pb.SignedRequest, chunk: pb.Chunk, write: Write) -> None:
        arrival = Arrival(chunk, write)
        for piece in self._storage.get(request, chunk.size):
            arrival.take(piece)
        arrival.finish()

    def _fill(self, request: pb.SignedRequest, chunk: pb.Chunk, place: Place) -> None:
        if not can_pour(request):
            self._receive(request, chunk, place.write)
            return
        done = 0
        for pipe in self._storage.pour(request, chunk.size):
            done += place.drain(pipe, done)
        if place.digest(chunk.size) != chunk.digest:
            raise wrong_bytes(chunk.digest)

    def _attempt(self, chunk: pb.Chunk, get: Callable[[pb.SignedRequest], None]) -> bool:
        request = None if self._given_up else self._signed.request(chunk.digest)
        if request is None:
            return False
        try:
            get(request)
        except (DirectFailed, DataLoss) as error:
            self._note_failure(error)
            return False
        self._failures = 0
        return True

    @property
    def _given_up(self) -> bool:
        return self._failures >= MOST_FAILURES

    def _note_failure(self, error: Exception) -> None:
        with self._lock:
            before = self._given_up
            self._failures += MOST_FAILURES if isinstance(error, StorageAway) else 1
            first = self._given_up and not before
        if first:
            message = f"the object storage cannot be used from here ({error}); files come through the service instead"
            warnings.warn(message, stacklevel=2)
