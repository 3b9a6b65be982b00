"""What the minio SDK is asked, first of all which client and which bucket. Each question may be put again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from http import HTTPStatus
from itertools import islice
from typing import Protocol

from minio import Minio
from minio.deleteobjects import DeleteObject

from orris_artifacts.pieces import PIECE_BYTES, cut
from orris_artifacts.store.port import Bytes
from orris_artifacts.store.s3.failures import NotDeleted

CHECKSUM_HEADER = "x-amz-checksum-sha256"
# S3's limit for one list and for one deletion.
AT_ONCE = 1000


def checksum_of(data: Bytes) -> str:
    """Return SHA-256 as S3 writes it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class Pieces(Protocol):
    """What takes an object's bytes: a list does."""

    def append(self, piece: bytes, /) -> None:
        """Take the next ones."""

    def clear(self) -> None:
        """Forget those taken."""


def read(client: Minio, bucket: str, name: str, offset: int, length: int, into: Pieces) -> None:
    """Read `length` bytes of an object from `offset` on, all that follows when 0."""
    into.clear()
    response = client.get_object(bucket, name, offset, length)
    try:
        pieces = response.stream(PIECE_BYTES, decode_content=False)
        whole = response.status == HTTPStatus.OK  # some leave ranges to the reader
        for piece in cut(pieces, offset, length or None) if whole else pieces:
            into.append(piece)
    finally:
        response.close()  # what is left of an answer is not taken for the next one's beginning
        response.release_conn()


def size(client: Minio, bucket: str, name: str) -> int:
    """Return an object's size in bytes."""
    return client.stat_object(bucket, name).size or 0


def delete(client: Minio, bucket: str, names: Sequence[str]) -> None:
    """Remove those of up to 1,000 objects that are there."""
    for error in client.remove_objects(bucket, [DeleteObject(name) for name in names]):
        if error.code != "NoSuchKey":
            raise NotDeleted(error)


def page(client: Minio, bucket: str, prefix: str, after: str | None) -> Sequence[tuple[str, int]]:
    """Return up to 1,000 objects that begin with `prefix`, in the order of their names, from `after` on."""
    found = client.list_objects(bucket, prefix, recursive=True, start_after=after)
    return [(each.object_name or "", each.size or 0) for each in islice(found, AT_ONCE)]


def folders(client: Minio, bucket: str, prefix: str) -> Sequence[str]:
    """Return what stands between `prefix` and the next `/`, that included."""
    return [each.object_name or "" for each in client.list_objects(bucket, prefix) if each.is_dir]


def versioning(client: Minio, bucket: str) -> str:
    """Return the state of a bucket's versioning: off, enabled or suspended."""
    return (client.get_bucket_versioning(bucket).status or "off").lower()
