"""A file of a tree, or a range of it, into memory: only the chunks that it touches travel, each is verified whole."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.errors import InvalidArgument, OutOfRange
from orris.sdk.arrival import Piece
from orris.sdk.blobs import ServedBlobs
from orris.sdk.content import PIECE_BYTES
from orris.sdk.downloading import THREADS
from orris.sdk.entry_checks import check_content
from orris.sdk.parallel import for_each


@dataclass(frozen=True, slots=True)
class _Span:
    """The bytes of a chunk from `begin` to before `end`."""

    chunk: pb.Chunk
    begin: int
    end: int


def read_range(blobs: ServedBlobs, entry: pb.TreeEntry, offset: int = 0, length: int | None = None) -> bytes:
    """Return `length` bytes of a file from `offset` on, by default all that follow; fewer where it ends before.

    Raises InvalidArgument, OutOfRange (OFFSET_TOO_LARGE), DataLoss (BLOB_DAMAGED, INVALID_ENTRY).
    """
    check_content(entry)
    if offset < 0 or (length is not None and length < 0):
        field = "offset" if offset < 0 else "length"
        raise InvalidArgument(f"{field} is negative; give a number of bytes", field=field)
    if offset > entry.size:
        message = f"offset: {offset} lies behind the end of {entry.path}, which has {entry.size} bytes"
        raise OutOfRange(message, reason="OFFSET_TOO_LARGE")
    end = entry.size if length is None else min(offset + length, entry.size)
    spans = list(_spans(entry, offset, end))
    blobs.expect([span.chunk for span in spans if span.chunk.size > PIECE_BYTES])
    with ThreadPoolExecutor(THREADS, thread_name_prefix="read") as pool:
        return b"".join(for_each(pool, lambda span: _read(blobs, span), spans))


def _spans(entry: pb.TreeEntry, begin: int, end: int) -> Iterator[_Span]:
    position = 0
    for chunk in entry.chunks:
        first, last = max(begin - position, 0), min(end - position, chunk.size)
        if first < last:
            yield _Span(chunk, first, last)
        position += chunk.size


def _read(blobs: ServedBlobs, span: _Span) -> bytes:
    if span.chunk.size <= PIECE_BYTES:
        return blobs.read_small([span.chunk])[span.chunk.digest][span.begin : span.end]
    data = bytearray(span.chunk.size)

    def write(piece: Piece, position: int) -> None:
        data[position : position + len(piece)] = piece

    blobs.receive(span.chunk, write)
    return bytes(memoryview(data)[span.begin : span.end])
