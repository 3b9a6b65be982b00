"""A disk that is full: told apart from what else goes wrong, in words that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from orris.errors import ResourceExhausted

REASON = "DISK_FULL"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room, no share left, more than the limit of a file
# What programs say of it, by the system's words or its numbers.
_SAID = ("no space left", "disk quota exceeded", "(os error 28)", "(os error 122)")
_HERE = "make room on the disk of the machine that builds, or have images collected (`orris images gc`); then try again"
_ENGINE = "make room on the disk of the container engine (`docker system df` shows what takes it); then try again"


def says_disk_full(text: str) -> bool:
    """Tell whether a program's words mean that a disk, or somebody's share of it, is full."""
    lower = text.lower()
    return any(each in lower for each in _SAID)


def disk_full(said: object) -> ResourceExhausted:
    """Return the error for a disk of this machine; `said` is what was said of it."""
    return ResourceExhausted(f"the disk is full: {said}; {_HERE}", reason=REASON)


def engine_disk_full(said: object) -> ResourceExhausted:
    """Return the error for the disk of a container engine; `said` is what was said of it."""
    return ResourceExhausted(f"the container engine's disk is full: {said}; {_ENGINE}", reason=REASON)


@contextmanager
def full_disk_named() -> Iterator[None]:
    """Raise ResourceExhausted (DISK_FULL) where the system says that a disk is full; all else as it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise disk_full(error) from error
