"""The rules of blobs: what goes in is what its digest names, and so is what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import datetime

from orris.errors import InvalidArgument, NotFound, OutOfRange
from orris_artifacts.digests import check_bytes, check_digest, digest_of
from orris_artifacts.incoming import Incoming
from orris_artifacts.index import Index, Location
from orris_artifacts.limits import MAX_BATCH_BYTES, MAX_BLOB_BYTES, MAX_DIGESTS
from orris_artifacts.object_keys import blob_key, new_id, pack_key
from orris_artifacts.packs import Span, packed, spans_of
from orris_artifacts.pieces import PIECE_BYTES
from orris_artifacts.reading import Held, Reading, damaged
from orris_artifacts.store.port import Content, ObjectLost, Store

# Parts of a batch that are read side by side: on an object storage each takes a round trip.
_READERS = 8


class Blobs:
    """Blobs by workspace: their bytes in the objects of a store, where they lie in the index."""

    def __init__(self, store: Store, index: Index, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._index = index
        self._clock = clock
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="read")

    def missing(self, workspace: str, digests: Sequence[str]) -> list[str]:
        """Return which digests are not stored, each once. Raises InvalidArgument (INVALID_DIGEST)."""
        wanted = _checked(digests)
        stored = self._index.use(workspace, wanted)
        return [digest for digest in wanted if digest not in stored]

    def receive(self, workspace: str, digest: str, size: int) -> Incoming:
        """Begin to store a blob that comes in pieces. Raises InvalidArgument (INVALID_DIGEST, BLOB_TOO_LARGE)."""
        check_upload(digest, size)
        if self._index.use(workspace, [digest]):
            return Incoming(self._store, None, digest, size, lambda: None)
        location = Location(digest, size, blob_key(workspace, digest, new_id(self._clock())), 0)
        return Incoming(self._store, location.object, digest, size, lambda: self._index.add(workspace, [location]))

    def put(self, workspace: str, digest: str, data: bytes) -> None:
        """Store one blob. Raises InvalidArgument (DIGEST_MISMATCH), ResourceExhausted (STORE_FULL)."""
        check_upload(digest, len(data))
        check_bytes(digest, data)
        self._add(workspace, self._written(workspace, {digest: data}))

    def put_many(self, workspace: str, blobs: Sequence[tuple[str, bytes]]) -> None:
        """Store small blobs, all or none. Raises as `put`, and InvalidArgument (BATCH_TOO_LARGE)."""
        self._add(workspace, self.write_many(workspace, blobs))

    def write_many(self, workspace: str, blobs: Sequence[tuple[str, bytes]]) -> list[Location]:
        """Write small blobs that are not stored, for who adds them to the index; return where. Raises as `put_many`."""
        _checked([digest for digest, _ in blobs])
        _check_batch(len(data) for _, data in blobs)
        for digest, data in blobs:
            check_bytes(digest, data)
        return self._written(workspace, dict(blobs))

    def read_many(self, workspace: str, digests: Sequence[str]) -> list[bytes]:
        """Return small blobs, in the order given.

        Raises NotFound (BLOB_NOT_FOUND), InvalidArgument (BATCH_TOO_LARGE), DataLoss (BLOB_DAMAGED).
        """
        wanted = _checked(digests)
        found = self._index.use(workspace, wanted)
        _check_batch(found[digest].size if digest in found else 0 for digest in digests)
        blobs: dict[str, bytes] = {}
        for some in self._pool.map(self._read_span, spans_of(found.values())):
            blobs.update(some)
        for digest in wanted:
            if digest not in blobs:
                with closing(self._read(workspace, digest)) as content:
                    blobs[digest] = b"".join(content.pieces())
        return [blobs[digest] for digest in digests]

    def read(self, workspace: str, digest: str, offset: int = 0, length: int = 0) -> Reading:
        """Return a range of a blob in pieces; length 0 means all that follows. The whole blob is verified each time.

        Raises NotFound (BLOB_NOT_FOUND), OutOfRange (OFFSET_TOO_LARGE), DataLoss (BLOB_DAMAGED).
        """
        for field, value in (("offset", offset), ("length", length)):
            if value < 0:
                raise InvalidArgument(f"{field} must not be negative", field=field)
        content = self._read(workspace, digest)
        if offset > content.size:
            content.close()
            message = f"offset {offset} lies behind the blob's end at {content.size}"
            raise OutOfRange(message, reason="OFFSET_TOO_LARGE", metadata={"size": str(content.size)})
        return Reading(digest, content, offset, length or None)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _written(self, workspace: str, blobs: dict[str, bytes]) -> list[Location]:
        stored = self._index.use(workspace, list(blobs))
        new = {digest: data for digest, data in blobs.items() if digest not in stored}
        if not new:
            return []
        upload = new_id(self._clock())
        key = pack_key(workspace, upload) if len(new) > 1 else blob_key(workspace, next(iter(new)), upload)
        data, locations = packed(key, new)
        self._store.put(key, data)
        return locations

    def _add(self, workspace: str, locations: Sequence[Location]) -> None:
        if locations:
            self._index.add(workspace, locations)

    def _read(self, workspace: str, digest: str) -> Content:
        """Return a blob's bytes, verified."""
        location, was_damaged, content = self._look(workspace, digest)
        if content is None and not was_damaged:
            # It may have been moved while it was read, or a bit have flipped on its way here.
            location, was_damaged, content = self._look(workspace, digest)
        if content is None:
            self._index.mark_damaged(workspace, location)
            raise damaged(digest)
        if was_damaged:
            # Somebody has restored it, or the storage has found it again.
            self._index.mark_whole(workspace, location)
        return content

    def _look(self, workspace: str, digest: str) -> tuple[Location, bool, Content | None]:
        """Return where a blob lies, whether it was damaged, and its bytes if they are right."""
        found = self._index.find(workspace, digest)
        if found is None:
            raise _absent(digest)
        location, was_damaged = found
        with suppress(ObjectLost), ExitStack() as stack:
            content = stack.enter_context(closing(self._open(location)))
            if content.digest == digest:
                stack.pop_all()
                return location, was_damaged, content
        return location, was_damaged, None

    def _open(self, location: Location) -> Content:
        if location.size > PIECE_BYTES:
            return self._store.open(location.object, location.offset, location.size)
        return Held(self._store.read(location.object, location.offset, location.size) if location.size else b"")

    def _read_span(self, span: Span) -> dict[str, bytes]:
        """Return those blobs of a span whose bytes are right."""
        try:
            size = span.end - span.begin
            data = self._store.read(span.object, span.begin, size) if size else b""
        except ObjectLost:
            return {}
        return dict(_verified(span.cut(data)))


def check_upload(digest: str, size: int) -> None:
    """Check what an upload announces, before its bytes are taken. Raises InvalidArgument."""
    check_digest(digest, field="digest")
    if not 0 <= size <= MAX_BLOB_BYTES:
        message = f"size: a blob has 0 to {MAX_BLOB_BYTES} bytes, not {size}; cut the file into chunks"
        raise InvalidArgument(message, field="size", reason="BLOB_TOO_LARGE")


def _verified(blobs: Iterable[tuple[Location, bytes]]) -> Iterator[tuple[str, bytes]]:
    for location, data in blobs:
        if digest_of([data]) == location.digest:
            yield location.digest, data


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


def _absent(digest: str) -> NotFound:
    message = f"blob {digest} is not stored; upload it first"
    return NotFound(message, reason="BLOB_NOT_FOUND", metadata={"digest": digest})
