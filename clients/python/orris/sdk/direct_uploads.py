"""Large pieces straight to the object storage, where the service offers that and the storage is within reach."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import FailedPrecondition, InvalidArgument, Unimplemented
from orris.sdk.parallel import Progress
from orris.sdk.pieces import Piece
from orris.sdk.repeating import Sleep, repeat

if TYPE_CHECKING:
    from orris.sdk.direct import DirectFailed, DirectStorage

CALL_SECONDS = 60.0
# Seconds before a request is sent again that failed in passing; the first time with a new signature.
PAUSES = (0.1, 1.0)


class DirectUploads:
    """The direct way of one upload. May be used from several threads. Once it fails, it is not tried again."""

    def __init__(self, stub: ArtifactServiceStub, parent: str, progress: Progress, sleep: Sleep = time.sleep) -> None:
        self._stub = stub
        self._parent = parent
        self._progress = progress
        self._sleep = sleep
        self._stack = ExitStack()
        self._storage: DirectStorage | None = None
        self._usable = True
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def stop(self) -> None:
        """Begin with no further piece."""
        self._usable = False

    def send(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Store a few pieces; return those that are not stored: they must go through the service."""
        uploads = self._prepare(pieces)
        arrived = [piece for piece in pieces if piece.digest in uploads and self._put(piece, uploads)]
        if not self._complete([uploads[piece.digest] for piece in arrived]):
            return list(pieces)
        stored = {piece.digest for piece in arrived}
        return [piece for piece in pieces if piece.digest not in stored]

    def _prepare(self, pieces: Sequence[Piece]) -> dict[str, pb.DirectUpload]:
        if not self._usable:
            return {}
        blobs = [pb.Chunk(digest=piece.digest, size=piece.size) for piece in pieces]
        request = rpc.PrepareUploadsRequest(parent=self._parent, blobs=blobs)
        try:
            response = repeat(lambda: self._stub.PrepareUploads(request, timeout=CALL_SECONDS), self._sleep)
        except Unimplemented:  # a server from before there was such a way
            response = rpc.PrepareUploadsResponse()
        if not response.uploads:
            self._usable = False
        return {upload.digest: upload for upload in response.uploads}

    def _put(self, piece: Piece, uploads: dict[str, pb.DirectUpload]) -> bool:
        """Send a piece to the storage; where that takes another signature, it is put into `uploads`."""
        from orris.sdk.direct import DirectFailed

        storage, pauses = self._connected(), iter(PAUSES)
        while self._usable:
            try:
                storage.put(uploads[piece.digest].request, piece.size, piece.stream)
                self._progress.add(piece.size)
                return True
            except DirectFailed as error:
                if not piece.is_unchanged():
                    return False
                pause = next(pauses, None)
                if pause is None or not _passing(error):
                    self._give_up(str(error))
                    return False
                self._sleep(pause)
                if error.status == 403:
                    uploads |= self._prepare([piece])
        return False

    def _connected(self) -> DirectStorage:
        from orris.sdk.direct import DirectStorage  # loads what speaks HTTP: 16 ms that most uploads do not need

        with self._lock:
            if self._storage is None:
                self._storage = self._stack.enter_context(DirectStorage())
            return self._storage

    def _complete(self, uploads: Sequence[pb.DirectUpload]) -> bool:
        if not uploads:
            return True
        blobs = [pb.DirectUpload(id=upload.id, digest=upload.digest, size=upload.size) for upload in uploads]
        request = rpc.CompleteUploadsRequest(parent=self._parent, uploads=blobs)
        try:
            repeat(lambda: self._stub.CompleteUploads(request, timeout=CALL_SECONDS), self._sleep)
        except (FailedPrecondition, InvalidArgument) as error:
            self._give_up(error.message)
            return False
        return True

    def _give_up(self, cause: str) -> None:
        with self._lock:
            first, self._usable = self._usable, False
        if first:
            message = f"the object storage cannot be used from here ({cause}); files go through the service instead"
            warnings.warn(message, stacklevel=2)


def _passing(error: DirectFailed) -> bool:
    """Tell whether it may succeed a moment later; 403 may mean that the request has expired."""
    from orris.sdk.direct import StorageAway

    return not isinstance(error, StorageAway) and (error.status in (0, 403, 408, 429) or error.status >= 500)
