"""Blobs on their way out: verified before the first piece is given, and given piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from orris.errors import DataLoss
from orris_artifacts.digests import digest_of
from orris_artifacts.pieces import cut
from orris_artifacts.store.port import Content, ObjectLost


class Held:
    """Content that is in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self._data)

    @property
    def digest(self) -> str:
        """Their SHA-256."""
        return digest_of([self._data])

    def pieces(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Give `length` bytes from `offset` on, or all that follow."""
        return cut([self._data], offset, length)

    def close(self) -> None:
        """Do nothing: nothing is open."""


class Reading(Iterator[bytes]):
    """Gives a range of the blob `digest`, whose bytes were verified; `close` it unless all pieces are taken."""

    def __init__(self, digest: str, content: Content, offset: int, length: int | None) -> None:
        self._digest = digest
        self._content = content
        self._pieces = content.pieces(offset, length)

    def __next__(self) -> bytes:
        """Return the next piece, of at most 1 MiB. Raises DataLoss where the store cannot give it any more."""
        try:
            return next(self._pieces)
        except StopIteration:
            self.close()
            raise
        except ObjectLost as error:
            raise damaged(self._digest) from error

    def close(self) -> None:
        """Let go of the bytes."""
        self._content.close()


def damaged(digest: str) -> DataLoss:
    """Return the error for a blob whose bytes are not, or no longer, there."""
    message = f"blob {digest} is damaged in the store; upload the file again, or restore the store from a copy"
    return DataLoss(message, reason="BLOB_DAMAGED", metadata={"digest": digest})
