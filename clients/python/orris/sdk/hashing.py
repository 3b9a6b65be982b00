"""Hash files side by side, ahead of whoever takes their pieces: every byte once, or never where it is known already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.digests import digest_of_file
from orris.sdk.content import CHUNK_BYTES, Content, Description
from orris.sdk.digest_cache import DigestCache
from orris.sdk.parallel import ahead
from orris.sdk.pieces import Piece, hash_range

# More than there are processors: files that are not in memory are waited for.
HASHERS = 4
# Handing a job to a thread takes longer than hashing a small file.
JOB_FILES = 64
# Half a gigabyte of large files: what is sent after it was hashed is still in memory then.
JOBS_AHEAD = 32


class _Range(NamedTuple):
    """A chunk to hash: the bytes of a file from `offset` on."""

    path: str
    content: Content
    offset: int


class _Hashed(NamedTuple):
    """A chunk's size and digest, and what its file was like. Without a digest, that is another file meanwhile."""

    range: _Range
    size: int
    digest: str | None
    file: Description


class Hasher:
    """Hashes the files of one tree.

    When all pieces were taken, `entries` are those of the tree, and `changed` the paths of files to hash again.
    """

    def __init__(self, pool: Executor, cache: DigestCache | None = None) -> None:
        self._pool = pool
        self._cache = cache
        self.entries: dict[str, pb.TreeEntry] = {}
        self.changed: set[str] = set()

    def pieces(self, files: Mapping[str, Content]) -> Iterator[Piece]:
        """Give the pieces of files as they become known, first those of files that are known from last time."""
        unknown: dict[str, Content] = {}
        for path, content in files.items():
            digests = self._cache.find(path, content.state) if self._cache and content.state else None
            if digests is None:
                unknown[path] = content
            else:
                entry = self.entries[path] = _entry(path, content, digests)
                yield from _pieces(entry, content)
        yield from self.hash(unknown)

    def hash(self, files: Mapping[str, Content]) -> Iterator[Piece]:
        """Give the pieces of files as they become known; all files are read."""
        self.changed.clear()
        for hashed in ahead(self._pool, _hash_all, _jobs(files), JOBS_AHEAD):
            yield from self._take(hashed)

    def known_pieces(self, files: Mapping[str, Content]) -> Iterator[Piece]:
        """Give the pieces of all entries again; nothing is read."""
        for path, entry in self.entries.items():
            yield from _pieces(entry, files[path])

    def _take(self, hashed: Iterable[_Hashed]) -> Iterator[Piece]:
        """Add chunks to the entries of their files, in order, and give their pieces."""
        for (path, content, offset), size, digest, file in hashed:
            if digest is None:
                self.changed.add(path)
                self.entries.pop(path, None)
            if digest is None or path in self.changed:
                continue
            if offset == 0:
                self.entries[path] = pb.TreeEntry(path=path, size=file.size, mode=file.mode)
            entry = self.entries[path]
            if size:
                entry.chunks.add(digest=digest, size=size)
                yield Piece(digest, size, path, content, offset)
            if offset + size == entry.size:
                self._complete(entry, file)

    def _complete(self, entry: pb.TreeEntry, file: Description) -> None:
        digests = [chunk.digest for chunk in entry.chunks]
        entry.digest = digest_of_file(digests)
        if self._cache and file.state:
            self._cache.keep(entry.path, file.state, digests)


def known_entries(files: Mapping[str, Content], cache: DigestCache | None) -> list[pb.TreeEntry] | None:
    """Return the entries of files that are all known from last time; None where one is not."""
    entries = []
    for path, content in files.items():
        digests = cache.find(path, content.state) if cache and content.state else None
        if digests is None:
            return None
        entries.append(_entry(path, content, digests))
    return entries


def _entry(path: str, file: Description, digests: Sequence[str]) -> pb.TreeEntry:
    entry = pb.TreeEntry(path=path, size=file.size, mode=file.mode, digest=digest_of_file(digests))
    left = file.size
    for digest in digests:
        entry.chunks.add(digest=digest, size=min(left, CHUNK_BYTES))
        left -= CHUNK_BYTES
    return entry


def _pieces(entry: pb.TreeEntry, content: Content) -> Iterator[Piece]:
    for number, chunk in enumerate(entry.chunks):
        yield Piece(chunk.digest, chunk.size, entry.path, content, number * CHUNK_BYTES)


def _jobs(files: Mapping[str, Content]) -> Iterator[list[_Range]]:
    """Cut large files into chunks, put small files together."""
    job: list[_Range] = []
    room = CHUNK_BYTES
    for path, seen in files.items():
        # Others are looked at when they are opened.
        content = seen.anew() if seen.size > CHUNK_BYTES else seen
        for offset in range(0, content.size or 1, CHUNK_BYTES):
            size = min(content.size - offset, CHUNK_BYTES)
            if job and (size > room or len(job) == JOB_FILES):
                yield job
                job, room = [], CHUNK_BYTES
            job.append(_Range(path, content, offset))
            room -= size
    if job:
        yield job


def _hash_all(ranges: Iterable[_Range]) -> list[_Hashed]:
    return [_hash(each) for each in ranges]


def _hash(wanted: _Range) -> _Hashed:
    """Hash a chunk. A file of one chunk counts as it is when it is opened; what others get appended does not count."""
    before = wanted.content
    with before.open() as file:
        alone = before.size <= CHUNK_BYTES
        described: Description = file if alone else before
        same = file.size <= CHUNK_BYTES if alone else file.place == before.place
        size = min(described.size - wanted.offset, CHUNK_BYTES)
        digest = hash_range(file, wanted.offset, size) if same else None
    return _Hashed(wanted, size, digest, described)
