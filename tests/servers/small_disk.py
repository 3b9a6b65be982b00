"""Disks that are full, or soon. Programs on one of their own are for tests marked `needs("tmpfs")`."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

# Only the program sees the disk, which is gone with it.
_ON_A_DISK = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


def on_a_disk(megabytes: int, folder: Path, argv: Sequence[str]) -> list[str]:
    """Return what runs a program for which `folder` is a disk of that size, in memory; its pid is the program's."""
    mounting = ("unshare", "--map-root-user", "--mount", "sh", "-c", _ON_A_DISK, "sh")
    return [*mounting, f"{megabytes}m", str(folder), *argv]


def seen_by(pid: int, folder: Path) -> Path:
    """Return the path by which others reach what is `folder` to a program."""
    return Path(f"/proc/{pid}/root{folder}")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let this process make no larger files, as on a disk that is full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(disk: Path, but: int = 0) -> None:
    """Leave no more room than some bytes. Skips where only files are limited, and no disk is."""
    try:
        with (disk / "filler").open("wb", buffering=0) as file:
            while file.write(bytes(1 << 20)):
                pass
    except OSError as error:
        if error.errno == errno.EFBIG:
            pytest.skip("only files are limited here, no disk")
    os.truncate(disk / "filler", (disk / "filler").stat().st_size - but)
