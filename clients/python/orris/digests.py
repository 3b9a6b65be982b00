"""Names of bytes: their SHA-256, as 64 lower-case hexadecimal digits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

EMPTY = hashlib.sha256().hexdigest()
is_digest = re.compile("[0-9a-f]{64}").fullmatch


def digest_of_file(chunks: Sequence[str]) -> str:
    """Return the digest of a file, given those of its chunks: of several, that of theirs (see TreeEntry.digest)."""
    if len(chunks) < 2:
        return chunks[0] if chunks else EMPTY
    return hashlib.sha256(bytes.fromhex("".join(chunks))).hexdigest()
