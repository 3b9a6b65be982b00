"""Names of bytes: their SHA-256, as 64 lower-case hexadecimal digits."""

from __future__ import annotations

import hashlib
import re

from orris.errors import InvalidArgument

EMPTY = hashlib.sha256().hexdigest()
_is_digest = re.compile("[0-9a-f]{64}").fullmatch


def check_digest(digest: str, *, field: str) -> None:
    """Raise InvalidArgument (INVALID_DIGEST) for what is no digest."""
    if not _is_digest(digest):
        message = f"{field}: {digest[:100]!r} is no digest: 64 lower-case hexadecimal digits of a SHA-256"
        raise InvalidArgument(message, field=field, reason="INVALID_DIGEST")


def check_bytes(digest: str, data: bytes | bytearray) -> None:
    """Raise InvalidArgument (DIGEST_MISMATCH) unless `data` is what the digest names."""
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        message = f"the bytes have the digest {found}, not {digest}: read the file again, it may have changed"
        raise InvalidArgument(message, field="digest", reason="DIGEST_MISMATCH", metadata={"digest": digest})
