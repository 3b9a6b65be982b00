"""What is uploaded: bytes of a file or in memory, and the chunks they are stored as."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.errors import InvalidArgument, NotFound

CHUNK_BYTES = 16 * 1024 * 1024
PIECE_BYTES = 1024 * 1024


class Content(Protocol):
    """Bytes that can be read several times. They may be others the next time."""

    @property
    def mode(self) -> int:
        """The permission bits."""

    def pieces(self) -> Iterator[bytes]:
        """Give all bytes in pieces of 1 MiB, the last one shorter."""

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes of a range, fewer when there are not so many any more."""


class FileContent:
    """A file on this machine. What is appended while it is read does not count."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _absence_named(path):
            found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise InvalidArgument(f"{str(path)!r} is no regular file; only files can be uploaded", field="files")
        self.mode = stat.S_IMODE(found.st_mode) & 0o777

    def pieces(self) -> Iterator[bytes]:
        with _absence_named(self._path), open(self._path, "rb", buffering=0) as file:
            left = os.fstat(file.fileno()).st_size
            while left > 0 and (piece := _read_up_to(file.fileno(), min(left, PIECE_BYTES))):
                left -= len(piece)
                yield piece

    def read(self, offset: int, size: int) -> bytes:
        with _absence_named(self._path), open(self._path, "rb", buffering=0) as file:
            os.lseek(file.fileno(), offset, os.SEEK_SET)
            return _read_up_to(file.fileno(), size)


class BytesContent:
    """Bytes in memory."""

    mode = 0o644

    def __init__(self, data: bytes) -> None:
        self._data = data

    def pieces(self) -> Iterator[bytes]:
        for begin in range(0, len(self._data), PIECE_BYTES):
            yield self._data[begin : begin + PIECE_BYTES]

    def read(self, offset: int, size: int) -> bytes:
        return self._data[offset : offset + size]


def entry_of(path: str, content: Content) -> pb.TreeEntry:
    """Return the entry of a tree that describes the content: it is read once, piece by piece."""
    entry = pb.TreeEntry(path=path, mode=content.mode)
    whole, chunk, size = hashlib.sha256(), hashlib.sha256(), 0
    for piece in content.pieces():
        if size == CHUNK_BYTES:
            entry.chunks.add(digest=chunk.hexdigest(), size=size)
            # The second chunk begins: until here the whole was the same as the first.
            whole = chunk.copy() if len(entry.chunks) == 1 else whole
            chunk, size = hashlib.sha256(), 0
        chunk.update(piece)
        if entry.chunks:
            whole.update(piece)
        size += len(piece)
        entry.size += len(piece)
    if size:
        entry.chunks.add(digest=chunk.hexdigest(), size=size)
    entry.digest = whole.hexdigest() if len(entry.chunks) > 1 else chunk.hexdigest()
    return entry


@contextmanager
def _absence_named(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"there is no file {str(path)!r} (any more); correct the path") from None


def _read_up_to(descriptor: int, size: int) -> bytes:
    """Read `size` bytes, fewer at the file's end only."""
    data = os.read(descriptor, size)
    if len(data) == size or not data:
        return data
    parts = [data]
    left = size - len(data)
    while left and (data := os.read(descriptor, left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)
