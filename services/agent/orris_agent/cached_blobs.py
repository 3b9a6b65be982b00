"""Blobs for what is downloaded here: from this machine's cache where they are in it, else fetched into it once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk.blobs import Blobs
from orris.sdk.copying import copy_range
from orris.sdk.present import digest_of_range
from orris.sdk.target_folder import write_at
from orris_agent.blob_cache import BlobCache
from orris_kit.logging import get_logger

log = get_logger(__name__)


class CachedBlobs:
    """Blobs that are `served` from elsewhere, kept in a cache: those of several downloads, but each is fetched once.

    What comes out of the cache is verified; what is damaged there is fetched again. A file shares nothing with the
    cache that whoever writes to the file could change.
    """

    def __init__(self, cache: BlobCache, served: Blobs) -> None:
        self._cache = cache
        self._served = served

    def expect(self, chunks: Sequence[pb.Chunk]) -> None:
        self._served.expect([chunk for chunk in chunks if chunk.digest not in self._cache])

    def read_small(self, chunks: Iterable[pb.Chunk]) -> dict[str, bytes]:
        wanted = {chunk.digest: chunk for chunk in chunks}
        found = self._read_cached(wanted.values())
        missing = [chunk for digest, chunk in wanted.items() if digest not in found]
        if missing:
            with self._cache.turns.at(chunk.digest for chunk in missing):
                found |= self._read_cached(missing)
                found |= self._fetch_small([chunk for chunk in missing if chunk.digest not in found])
        return found

    def fill(self, chunk: pb.Chunk, descriptor: int, offset: int) -> None:
        if not self._cache.fits(chunk.size):
            self._served.fill(chunk, descriptor, offset)
        elif not self._fill_cached(chunk, descriptor, offset):
            with self._cache.turns.at([chunk.digest]):
                if not self._fill_cached(chunk, descriptor, offset):
                    self._fetch(chunk, descriptor, offset)

    def _read_cached(self, chunks: Iterable[pb.Chunk]) -> dict[str, bytes]:
        read = ((chunk.digest, self._read_one(chunk)) for chunk in chunks)
        return {digest: data for digest, data in read if data is not None}

    def _read_one(self, chunk: pb.Chunk) -> bytes | None:
        cached = self._cache.open(chunk.digest)
        if cached is None:
            return None
        try:
            data = os.pread(cached, chunk.size, 0)
        except OSError:
            data = b""
        finally:
            os.close(cached)
        if hashlib.sha256(data).hexdigest() == chunk.digest:
            return data
        self._drop(chunk)
        return None

    def _fill_cached(self, chunk: pb.Chunk, descriptor: int, offset: int) -> bool:
        cached = self._cache.open(chunk.digest)
        if cached is None:
            return False
        try:
            copy_range(cached, 0, descriptor, offset, chunk.size)
        finally:
            os.close(cached)
        if digest_of_range(descriptor, offset, chunk.size) == chunk.digest:
            return True
        self._drop(chunk)
        return False

    def _drop(self, chunk: pb.Chunk) -> None:
        log.warning("a cached blob is damaged, it is fetched again", digest=chunk.digest)
        self._cache.drop(chunk.digest)

    def _fetch_small(self, chunks: Sequence[pb.Chunk]) -> dict[str, bytes]:
        fetched = self._served.read_small(chunks)
        for chunk in chunks:
            self._keep(chunk, fetched[chunk.digest])
        return fetched

    def _keep(self, chunk: pb.Chunk, data: bytes) -> None:
        if not self._cache.fits(chunk.size):
            return
        try:
            with self._cache.adding(chunk.digest, chunk.size) as cached:
                write_at(cached, data, 0)
        except OSError as problem:
            log.warning("a blob cannot be cached", digest=chunk.digest, reason=str(problem))

    def _fetch(self, chunk: pb.Chunk, descriptor: int, offset: int) -> None:
        """Fetch a blob into the cache, and from there into the file; into the file alone where the disk refuses."""
        try:
            with self._cache.adding(chunk.digest, chunk.size) as cached:
                self._served.fill(chunk, cached, 0)
                copy_range(cached, 0, descriptor, offset, chunk.size)
        except OSError as problem:
            log.warning("a blob cannot be cached", digest=chunk.digest, reason=str(problem))
            self._served.fill(chunk, descriptor, offset)
