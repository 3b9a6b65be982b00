"""The rules of blobs: what goes in is what its digest names, and so is what comes out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orris.errors import InvalidArgument, OutOfRange
from orris_artifacts.digests import check_bytes, check_digest
from orris_artifacts.limits import MAX_BATCH_BYTES, MAX_BLOB_BYTES, MAX_DIGESTS
from orris_artifacts.store.port import Store


class Blobs:
    """Blobs of a store, by workspace."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def missing(self, workspace: str, digests: Sequence[str]) -> list[str]:
        """Return which digests are not stored, each once. Raises InvalidArgument (INVALID_DIGEST)."""
        wanted = _checked(digests)
        stored = self._store.sizes(workspace, wanted)
        return [digest for digest in wanted if digest not in stored]

    def put(self, workspace: str, digest: str, data: bytes | bytearray) -> None:
        """Store one blob. Raises InvalidArgument (DIGEST_MISMATCH), ResourceExhausted (STORE_FULL)."""
        check_upload(digest, len(data))
        check_bytes(digest, data)
        self._store.put(workspace, {digest: data})

    def put_many(self, workspace: str, blobs: Sequence[tuple[str, bytes]]) -> None:
        """Store small blobs, all or none. Raises as `put`, and InvalidArgument (BATCH_TOO_LARGE)."""
        _checked([digest for digest, _ in blobs])
        _check_batch(len(data) for _, data in blobs)
        for digest, data in blobs:
            check_bytes(digest, data)
        self._store.put(workspace, dict(blobs))

    def read_many(self, workspace: str, digests: Sequence[str]) -> list[bytes]:
        """Return small blobs, in the order given.

        Raises NotFound (BLOB_NOT_FOUND), InvalidArgument (BATCH_TOO_LARGE), DataLoss (BLOB_DAMAGED).
        """
        sizes = self._store.sizes(workspace, _checked(digests))
        _check_batch(sizes.get(digest, 0) for digest in digests)
        return [self._store.read(workspace, digest) for digest in digests]

    def read(self, workspace: str, digest: str, offset: int = 0, length: int = 0) -> memoryview:
        """Return a range of a blob; length 0 means all that follows. The whole blob is verified each time.

        Raises NotFound (BLOB_NOT_FOUND), OutOfRange (OFFSET_TOO_LARGE), DataLoss (BLOB_DAMAGED).
        """
        for field, value in (("offset", offset), ("length", length)):
            if value < 0:
                raise InvalidArgument(f"{field} must not be negative", field=field)
        data = self._store.read(workspace, digest)
        if offset > len(data):
            message = f"offset {offset} lies behind the blob's end at {len(data)}"
            raise OutOfRange(message, reason="OFFSET_TOO_LARGE", metadata={"size": str(len(data))})
        return memoryview(data)[offset : offset + length if length else len(data)]


def check_upload(digest: str, size: int) -> None:
    """Check what an upload announces, before its bytes are taken. Raises InvalidArgument."""
    check_digest(digest, field="digest")
    if not 0 <= size <= MAX_BLOB_BYTES:
        message = f"size: a blob has 0 to {MAX_BLOB_BYTES} bytes, not {size}; cut the file into chunks"
        raise InvalidArgument(message, field="size", reason="BLOB_TOO_LARGE")


def _checked(digests: Sequence[str]) -> list[str]:
    """Return the digests, each once."""
    if len(digests) > MAX_DIGESTS:
        message = f"digests: {len(digests)} are too many; send at most {MAX_DIGESTS} in one call"
        raise InvalidArgument(message, field="digests", reason="TOO_MANY_DIGESTS")
    for digest in digests:
        check_digest(digest, field="digests")
    return list(dict.fromkeys(digests))


def _check_batch(sizes: Iterable[int]) -> None:
    total = sum(sizes)
    if total > MAX_BATCH_BYTES:
        message = (
            f"{total} bytes are too many for one batch of {MAX_BATCH_BYTES}; send fewer, or large blobs one by one"
        )
        raise InvalidArgument(message, reason="BATCH_TOO_LARGE")
