"""Digests and bytes that clients send, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from orris.digests import is_digest
from orris.errors import InvalidArgument


def check_digest(digest: str, *, field: str) -> None:
    """Raise InvalidArgument (INVALID_DIGEST) for what is no digest."""
    if not is_digest(digest):
        message = f"{field}: {digest[:100]!r} is no digest: 64 lower-case hexadecimal digits of a SHA-256"
        raise InvalidArgument(message, field=field, reason="INVALID_DIGEST")


def digest_of(pieces: Iterable[bytes | bytearray | memoryview]) -> str:
    """Return the digest of what the pieces are together."""
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


def check_bytes(digest: str, data: bytes | bytearray) -> None:
    """Raise InvalidArgument (DIGEST_MISMATCH) unless `data` is what the digest names."""
    found = digest_of([data])
    if found != digest:
        raise wrong_bytes(digest, found)


def wrong_bytes(digest: str, found: str) -> InvalidArgument:
    """Return the error for bytes whose digest is another one."""
    message = f"the bytes have the digest {found}, not {digest}: read the file again, it may have changed"
    return InvalidArgument(message, field="digest", reason="DIGEST_MISMATCH", metadata={"digest": digest})
