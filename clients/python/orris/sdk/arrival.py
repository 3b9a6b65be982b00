"""A blob as it arrives: counted, hashed and passed on piece by piece."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.errors import DataLoss

# A view is of memory that the next piece may come into.
Piece = bytes | memoryview
# Takes bytes and where in the blob they belong. What was written may be written again, with other bytes.
Write = Callable[[Piece, int], object]


class Arrival:
    """One attempt to get the bytes of a chunk. What is passed on is right only after `finish`."""

    def __init__(self, chunk: pb.Chunk, write: Write) -> None:
        self._chunk = chunk
        self._write = write
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def complete(self) -> bool:
        """Whether as many bytes have come as there should."""
        return self.size == self._chunk.size

    def take(self, data: Piece) -> None:
        """Pass the next bytes on. Raises DataLoss as soon as there are too many."""
        if self.size + len(data) > self._chunk.size:
            raise wrong_bytes(self._chunk.digest)
        self._hash.update(data)
        self._write(data, self.size)
        self.size += len(data)

    def finish(self) -> None:
        """Raise DataLoss unless all bytes have come and are those that the digest names."""
        if not self.complete or self._hash.hexdigest() != self._chunk.digest:
            raise wrong_bytes(self._chunk.digest)


def wrong_bytes(digest: str) -> DataLoss:
    """Return the error for bytes that are not those of their digest."""
    message = f"blob {digest} arrived damaged; download again, and if that does not help, upload the file again"
    return DataLoss(message, reason="BLOB_DAMAGED", metadata={"digest": digest})
