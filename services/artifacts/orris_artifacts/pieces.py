"""What is large is kept in pieces: a part that was sent is let go, and no memory of a blob's size is ever asked for.

The C library keeps as much as the largest piece that was ever freed for each thread, in case it is wanted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orris_artifacts.limits import MESSAGE_BYTES

PIECE_BYTES = MESSAGE_BYTES


def cut(pieces: Iterable[bytes], offset: int, length: int | None) -> Iterator[bytes]:
    """Give `length` bytes from `offset` on of what the pieces are together; with None, all that follows."""
    left = length
    for piece in pieces:
        begin, offset = min(offset, len(piece)), max(offset - len(piece), 0)
        part = piece[begin:] if left is None else piece[begin : begin + left]
        if left is not None:
            left -= len(part)
        if part:
            yield part
        if left == 0:
            return
