"""The entries of a tree, and the two forms they are written in.

The manifest is what a tree's digest is taken of (see artifacts.proto). Pages are how entries are kept: up to 1,000
lines of the manifest each, with the chunks' sizes, compressed. Any part of a big tree is found without the rest.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

PAGE_ENTRIES = 1000
PAGE_BYTES = 1024 * 1024


class Chunk(NamedTuple):
    """A blob's digest, and its size in bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its path in the tree, size in bytes, permission bits, SHA-256, and the blobs it consists of."""

    path: str
    size: int
    mode: int
    digest: str
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive entries, packed, and the last one's path."""

    last_path: bytes
    content: bytes


def line_of(entry: Entry) -> bytes:
    """Return the entry's line in the manifest."""
    chunks = ",".join([chunk.digest for chunk in entry.chunks])
    return f"{entry.path}\0{entry.mode:o}\0{entry.size}\0{entry.digest}\0{chunks}\n".encode()


def digest_of(entries: Iterable[Entry]) -> str:
    """Return the SHA-256 of the manifest of entries that are sorted by path."""
    manifest = hashlib.sha256()
    for entry in entries:
        manifest.update(line_of(entry))
    return manifest.hexdigest()


def pages_of(entries: Iterable[Entry]) -> Iterator[Page]:
    """Pack entries that are sorted by path into pages."""
    lines: list[bytes] = []
    size = 0
    last = ""
    for entry in entries:
        line = _line_with_sizes(entry)
        if lines and (len(lines) == PAGE_ENTRIES or size + len(line) > PAGE_BYTES):
            yield _page(last, lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
        last = entry.path
    if lines:
        yield _page(last, lines)


def entries_of(content: bytes, start: str = "") -> Iterator[Entry]:
    """Give the entries of a packed page whose paths are not before `start`."""
    for line in zlib.decompress(content).decode().split("\n")[:-1]:
        if line.partition("\0")[0] >= start:
            yield _entry(line)


def chunk_digests(content: bytes) -> Iterator[str]:
    """Give the digests of all chunks in a packed page."""
    for line in zlib.decompress(content).decode().split("\n")[:-1]:
        if chunks := line.rsplit("\0", 2)[1]:
            yield from chunks.split(",")


def _page(last_path: str, lines: list[bytes]) -> Page:
    return Page(last_path.encode(), zlib.compress(b"".join(lines), 1))


def _line_with_sizes(entry: Entry) -> bytes:
    # The size of a file's only chunk is the file's.
    sizes = ",".join([str(chunk.size) for chunk in entry.chunks]) if len(entry.chunks) > 1 else ""
    return line_of(entry)[:-1] + f"\0{sizes}\n".encode()


def _entry(line: str) -> Entry:
    path, mode, size, digest, chunks, sizes = line.split("\0")
    return Entry(path, int(size), int(mode, 8), digest, tuple(_chunks(chunks, sizes or size)))


def _chunks(digests: str, sizes: str) -> Iterator[Chunk]:
    if digests:
        for digest, size in zip(digests.split(","), sizes.split(","), strict=True):
            yield Chunk(digest, int(size))
