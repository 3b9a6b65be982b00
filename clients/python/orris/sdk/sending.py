"""Send pieces that a server does not have: small ones in batches, large ones by themselves, side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Self

from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import InvalidArgument
from orris.sdk.content import PIECE_BYTES
from orris.sdk.direct_uploads import DirectUploads
from orris.sdk.parallel import Crew, Progress
from orris.sdk.pieces import Piece
from orris.sdk.repeating import Sleep, repeat

THREADS = 4
# Large blobs that go through the service at a time: it may keep each in memory. Two fill a slow line.
STREAMS = 2
# More jobs than threads, so that nobody waits for the next one; few, so that hashing keeps near.
JOBS = 3 * THREADS

BATCH_BYTES = 3 * 1024 * 1024
BATCH_ITEMS = 1000
# What is lost when an upload is interrupted, at most, for each thread.
GROUP_BYTES = 64 * 1024 * 1024
GROUP_ITEMS = 32

CALL_SECONDS = 60.0
BLOB_SECONDS = 300.0


class Sender:
    """Sends pieces to one workspace. Leaving the block with an error ends it after the pieces on their way."""

    def __init__(self, stub: ArtifactServiceStub, parent: str, progress: Progress, sleep: Sleep = time.sleep) -> None:
        self._stub = stub
        self._parent = parent
        self._progress = progress
        self._sleep = sleep
        self._stack = ExitStack()
        self._direct = DirectUploads(stub, parent, progress, sleep)
        self._crew = Crew(THREADS, JOBS, "upload")
        self._streams = threading.BoundedSemaphore(STREAMS)
        self._changed: set[str] = set()
        self._stopped = False

    def __enter__(self) -> Self:
        self._stack.enter_context(self._direct)
        self._stack.enter_context(self._crew)
        return self

    def __exit__(self, *raised: object) -> None:
        if raised[0] is not None:
            self._stopped = True
            self._direct.stop()
        self._stack.close()

    def send(self, pieces: Iterable[Piece]) -> None:
        """Send pieces, of which no two are the same blob. Raises what went wrong with earlier ones."""
        large: list[Piece] = []
        small: list[Piece] = []
        for piece in pieces:
            (large if piece.size > PIECE_BYTES else small).append(piece)
        for group in groups(large, GROUP_BYTES, min(GROUP_ITEMS, -(-len(large) // THREADS))):
            self._crew.do(self._send_large, group)
        for batch in groups(small, BATCH_BYTES, BATCH_ITEMS):
            self._crew.do(self._send_small, batch)

    def finish(self) -> set[str]:
        """Wait until all is sent; return the paths of files that are others meanwhile, each once."""
        self._crew.finish()
        changed, self._changed = self._changed, set()
        return changed

    def _send_large(self, pieces: Sequence[Piece]) -> None:
        for piece in self._direct.send(pieces):
            if not self._stopped:
                self._send_through(piece)

    def _send_through(self, piece: Piece) -> None:
        """Send one piece through the service, which compares it with its digest."""
        try:
            with self._streams:
                repeat(lambda: self._stub.UploadBlob(self._messages(piece), timeout=BLOB_SECONDS), self._sleep)
        except InvalidArgument as error:
            if error.reason not in ("DIGEST_MISMATCH", "SIZE_MISMATCH"):
                raise
            self._changed.add(piece.path)
        self._progress.add(piece.size)

    def _send_small(self, pieces: Sequence[Piece]) -> None:
        request = rpc.BatchUploadBlobsRequest(parent=self._parent)
        for piece in pieces:
            if (data := piece.read()) is None:
                self._changed.add(piece.path)
            else:
                request.items.add(digest=piece.digest, data=data)
        if request.items:
            repeat(lambda: self._stub.BatchUploadBlobs(request, timeout=CALL_SECONDS), self._sleep)
        self._progress.add(sum(piece.size for piece in pieces))

    def _messages(self, piece: Piece) -> Iterator[rpc.UploadBlobRequest]:
        yield rpc.UploadBlobRequest(parent=self._parent, digest=piece.digest, size=piece.size)
        for data in piece.stream():
            yield rpc.UploadBlobRequest(data=data)


def groups(pieces: Iterable[Piece], most_bytes: int, most_pieces: int) -> Iterator[list[Piece]]:
    """Put pieces together, in order."""
    group: list[Piece] = []
    room = most_bytes
    for piece in pieces:
        if group and (piece.size > room or len(group) == most_pieces):
            yield group
            group, room = [], most_bytes
        group.append(piece)
        room -= piece.size
    if group:
        yield group
