"""Large blobs straight from the object storage, where the service offers that and the storage is within reach."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterable, Sequence
from typing import Self

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import DataLoss
from orris.sdk.arrival import Arrival, Write
from orris.sdk.direct import DirectFailed, DirectStorage, StorageAway
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
        request = None if self._given_up else self._signed.request(chunk.digest)
        if request is None:
            return False
        arrival = Arrival(chunk, write)
        try:
            for piece in self._storage.get(request, chunk.size):
                arrival.take(piece)
            arrival.finish()
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
