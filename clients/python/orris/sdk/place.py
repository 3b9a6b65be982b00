"""Where in a file a blob belongs."""

from __future__ import annotations

import threading

from orris.sdk.arrival import Piece
from orris.sdk.mapped_digest import digest_of_range
from orris.sdk.splicing import Pipe
from orris.sdk.target_folder import write_at


class Place:
    """A file from an offset on. Positions count from there.

    Threads write to a file in turns, `turn`. Linux lets only one at a time anyway, and the others do not sleep
    meanwhile: their waiting took a fifth of a large download's processor time.
    """

    def __init__(self, descriptor: int, offset: int, turn: threading.Lock) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._turn = turn

    def write(self, data: Piece, position: int) -> None:
        """Write all bytes. Raises OSError."""
        with self._turn:
            write_at(self._descriptor, data, self._offset + position)

    def drain(self, pipe: Pipe, position: int) -> int:
        """Write all that a pipe holds; return how many bytes that were. Raises OSError."""
        with self._turn:
            return pipe.empty(self._descriptor, self._offset + position)

    def digest(self, size: int) -> str:
        """Return the SHA-256 of what was written. Raises OSError."""
        return digest_of_range(self._descriptor, self._offset, size)
