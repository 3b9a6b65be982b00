"""What a disk can say, in the words of a store."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from orris.errors import FailedPrecondition, OrrisError, ResourceExhausted, Unavailable

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room, no share left, more than the limit of a file
_REFUSES = (errno.EACCES, errno.EEXIST, errno.ENOTDIR, errno.EPERM, errno.EROFS)
_AWAY = (errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.EHOSTDOWN, errno.ETIMEDOUT)
RETRY_SECONDS = 5.0


@contextmanager
def disk_errors_named(root: str, always_there: str) -> Iterator[None]:
    """Raise what a person can act upon: ResourceExhausted, FailedPrecondition, Unavailable; all else as it is.

    A file that is missing counts only while `always_there` is there: else the disk is not mounted, and nothing is lost.
    """
    try:
        yield
    except OSError as error:
        named = _named(error, root, always_there)
        if named is None:
            raise
        raise named from error


def _named(error: OSError, root: str, always_there: str) -> OrrisError | None:
    if error.errno in _FULL:
        message = f"the disk of the folder {root} is full; free space there, then retry"
        return ResourceExhausted(message, reason="STORE_FULL")
    if error.errno in _REFUSES:
        message = f"the folder {root} cannot be used ({error.strerror}); give one where the service's user may write"
        return FailedPrecondition(message, reason="STORE_REFUSES")
    if error.errno in _AWAY or not os.path.isdir(always_there):
        message = f"the folder {root} is not there; mount its disk"
        return Unavailable(message, reason="STORE_UNREACHABLE", retry_after=RETRY_SECONDS)
    return None
