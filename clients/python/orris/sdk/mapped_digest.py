"""The digest of bytes that were written just now: read where they are, in the system's memory."""

from __future__ import annotations

import hashlib
import mmap
import os
from contextlib import suppress

from orris.sdk import present

# It counts as this process's memory, once for each thread. Mapping less at a time costs more.
WINDOW_BYTES = 4 * 1024 * 1024


def digest_of_range(descriptor: int, offset: int, size: int) -> str:
    """Return the SHA-256 of a part of a file. Raises OSError."""
    if _is_ours_alone(descriptor):
        with suppress(OSError, ValueError):  # not every file system maps files; reading says what else is wrong
            return _mapped(descriptor, offset, offset + size)
    return present.digest_of_range(descriptor, offset, size)


def _is_ours_alone(descriptor: int) -> bool:
    """Tell whether a file has no name: then nobody can shorten it, which would kill who looks at it in memory."""
    return os.fstat(descriptor).st_nlink == 0


def _mapped(descriptor: int, offset: int, end: int) -> str:
    digest = hashlib.sha256()
    while offset < end:
        begin = offset - offset % mmap.ALLOCATIONGRANULARITY
        until = min(begin + WINDOW_BYTES, end)
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        with (
            mmap.mmap(descriptor, until - begin, flags, mmap.PROT_READ, offset=begin) as window,
            memoryview(window) as view,
            view[offset - begin :] as part,
        ):
            digest.update(part)
        offset = until
    return digest.hexdigest()
