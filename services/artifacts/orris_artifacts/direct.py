"""Blobs that travel between client and object storage, past this service: it says how, and checks what came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from orris.errors import FailedPrecondition, InvalidArgument
from orris_artifacts.blobs import check_upload
from orris_artifacts.digests import check_digest
from orris_artifacts.index import ROW_WITHIN, Index, Location
from orris_artifacts.limits import MAX_DIRECT, MIB
from orris_artifacts.manifest import Entry
from orris_artifacts.object_keys import blob_key, is_id, made_at, new_id
from orris_artifacts.store.port import SignedRequest, Store

# Objects that are asked for side by side: each takes a round trip.
_ASKERS = 8


class Upload(NamedTuple):
    """A blob that a client sends, or has sent, directly."""

    id: str
    digest: str
    size: int


class DirectTransfers:
    """Hands out signed requests, where the store offers them."""

    def __init__(self, store: Store, index: Index, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._index = index
        self._clock = clock
        self._pool = ThreadPoolExecutor(_ASKERS, thread_name_prefix="ask")

    def prepare_uploads(self, workspace: str, blobs: Sequence[tuple[str, int]]) -> list[tuple[Upload, SignedRequest]]:
        """Return how to send those blobs that may be sent directly and are not stored. Raises InvalidArgument."""
        _check_count(len(blobs))
        for digest, size in blobs:
            check_upload(digest, size)
        stored = self._index.use(workspace, [digest for digest, _ in blobs])
        prepared = []
        for digest, size in dict(blobs).items():
            if digest in stored:
                continue
            upload = Upload(new_id(self._clock()), digest, size)
            request = self._store.presign_put(blob_key(workspace, digest, upload.id), digest, size)
            if request is not None:
                prepared.append((upload, request))
        return prepared

    def complete_uploads(self, workspace: str, uploads: Sequence[Upload]) -> None:
        """Let blobs exist that were sent; the store took no other bytes than theirs.

        Raises InvalidArgument (UNKNOWN_UPLOAD, SIZE_MISMATCH), FailedPrecondition (UPLOAD_MISSING).
        """
        _check_count(len(uploads))
        for upload in uploads:
            self._check(upload)
        locations = [Location(each.digest, each.size, blob_key(workspace, each.digest, each.id), 0) for each in uploads]
        for location, size in zip(locations, self._pool.map(self._store.size, _objects(locations)), strict=True):
            _check_arrival(location, size)
        self._index.add(workspace, locations)

    def prepare_downloads(self, workspace: str, digests: Sequence[str]) -> dict[str, SignedRequest]:
        """Return how to read those blobs that may be read directly. Those that are not stored are left out."""
        if not digests:
            return {}
        _check_count(len(digests))
        for digest in digests:
            check_digest(digest, field="digests")
        prepared = {}
        for digest, location in self._index.use(workspace, list(dict.fromkeys(digests))).items():
            request = self._store.presign_get(location.object) if location.size else None
            if request is not None:
                last = location.offset + location.size - 1
                headers = {**request.headers, "Range": f"bytes={location.offset}-{last}"}
                prepared[digest] = SignedRequest(request.url, headers, request.expiry)
        return prepared

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _check(self, upload: Upload) -> None:
        check_upload(upload.digest, upload.size)
        made = made_at(upload.id) if is_id(upload.id) else None
        if made is None or made < self._clock() - ROW_WITHIN:
            message = f"the upload {upload.id[:50]!r} was not prepared here, or too long ago; prepare it again"
            raise InvalidArgument(message, field="uploads.id", reason="UNKNOWN_UPLOAD")


def large_blobs(entries: Iterable[Entry], count: int) -> list[str]:
    """Return the digests of the first `count` blobs over 1 MiB of these files. Raises InvalidArgument."""
    if not 0 <= count <= MAX_DIRECT:
        message = f"download_count is {count}; ask for 0 to {MAX_DIRECT}"
        raise InvalidArgument(message, field="download_count", reason="TOO_MANY_BLOBS")
    digests = (chunk.digest for entry in entries for chunk in entry.chunks if chunk.size > MIB)
    return list(dict.fromkeys(islice(digests, count)))


def _objects(locations: Sequence[Location]) -> list[str]:
    return [location.object for location in locations]


def _check_arrival(location: Location, size: int | None) -> None:
    metadata = {"digest": location.digest}
    if size is None:
        message = f"nothing has arrived for the blob {location.digest}; send it again"
        raise FailedPrecondition(message, reason="UPLOAD_MISSING", metadata=metadata)
    if size != location.size:
        message = f"{size} bytes have arrived for the blob {location.digest}, not {location.size}; use UploadBlob"
        raise InvalidArgument(message, field="uploads.size", reason="SIZE_MISMATCH", metadata=metadata)


def _check_count(count: int) -> None:
    if count > MAX_DIRECT:
        message = f"{count} blobs are too many; send at most {MAX_DIRECT} in one call"
        raise InvalidArgument(message, reason="TOO_MANY_BLOBS")
