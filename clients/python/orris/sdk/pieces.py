"""Files as the service keeps them: cut into pieces of up to 16 MiB, each a blob that is known by its SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk.content import Content, Opened

READ_BYTES = 1024 * 1024
# As fast as four times as much, which takes gRPC twice the memory.
MESSAGE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """A blob, and where its bytes are: in the content of the file `path`, from `offset` on."""

    digest: str
    size: int
    path: str
    content: Content
    offset: int

    def read(self) -> bytes | None:
        """Return the bytes; None when they are others meanwhile."""
        with self.content.open() as file:
            data = file.read(self.offset, self.size)
        return data if hashlib.sha256(data).hexdigest() == self.digest else None

    def stream(self) -> Iterator[bytes]:
        """Give the bytes in parts to be sent, fewer than `size` when the file ends earlier meanwhile."""
        with self.content.open() as file:
            yield from read_range(file, self.offset, self.size, MESSAGE_BYTES)

    def is_unchanged(self) -> bool:
        """Tell whether the bytes are still those of the digest."""
        with self.content.open() as file:
            return hash_range(file, self.offset, self.size) == self.digest


def read_range(file: Opened, offset: int, size: int, most: int) -> Iterator[bytes]:
    """Give a range in parts of at most so many bytes; it ends early where the file does."""
    end = offset + size
    while offset < end and (data := file.read(offset, min(most, end - offset))):
        offset += len(data)
        yield data


def hash_range(file: Opened, offset: int, size: int) -> str | None:
    """Return the SHA-256 of a range; None when the file ends earlier."""
    digest = hashlib.sha256()
    for data in read_range(file, offset, size, READ_BYTES):
        digest.update(data)
        size -= len(data)
    return None if size else digest.hexdigest()


def tree_digest(entries: Iterable[pb.TreeEntry]) -> str:
    """Return the digest of the tree of these entries: see Tree in artifacts.proto."""
    manifest = hashlib.sha256()
    # The order of code points is that of their bytes in UTF-8.
    for entry in sorted(entries, key=lambda entry: entry.path):
        chunks = ",".join([chunk.digest for chunk in entry.chunks])
        manifest.update(f"{entry.path}\0{entry.mode:o}\0{entry.size}\0{entry.digest}\0{chunks}\n".encode())
    return manifest.hexdigest()
