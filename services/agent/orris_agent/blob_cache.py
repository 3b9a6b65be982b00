"""Blobs that were fetched to this machine before: a file each, by their digests; the least recently used go first."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orris.digests import is_digest
from orris.sdk.new_file import NewFile
from orris_agent.turns import Turns

# What a file takes on a disk at least, and is a multiple of: so small blobs count for what they cost.
BLOCK_BYTES = 4096


class BlobCache:
    """At most `limit` bytes of blobs below `folder`. May be used from several threads.

    A file is there when it is complete. Nobody else writes there, but disks fail: check what you read. Who fetches
    a blob to add it takes a turn at it, so that nobody else does the same meanwhile.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self.limit = limit
        self.turns = Turns()
        self._lock = threading.Lock()
        # The least recently used first, as the files' times say it to the next process.
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._total = 0
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        for _, digest, size in sorted(_kept(folder)):
            self._sizes[digest] = size
            self._total += size
        with self._lock:
            self._make_room()

    def __contains__(self, digest: str) -> bool:
        return digest in self._sizes

    def fits(self, size: int) -> bool:
        """Tell whether a blob of that size is worth adding."""
        return _on_disk(size) <= self.limit

    def open(self, digest: str) -> int | None:
        """Return a descriptor of a blob's file, which counts as used now; None where there is none."""
        with self._lock:
            if digest not in self._sizes:
                return None
            self._sizes.move_to_end(digest)
        with suppress(OSError):
            descriptor = os.open(self._path(digest), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with suppress(OSError):
                os.utime(descriptor)
            return descriptor
        return None

    @contextmanager
    def adding(self, digest: str, size: int) -> Iterator[int]:
        """Give the descriptor of a file for a blob, which is there when the block ends without an error.

        Raises OSError.
        """
        with self._lock:
            self._total += _on_disk(size)
            self._make_room()
        try:
            with NewFile(self._folder_of(digest), digest) as new:
                yield new.descriptor
                new.appear(0o400)
        except BaseException:
            with self._lock:
                self._total -= _on_disk(size)
            raise
        with self._lock:
            self._total -= self._sizes.pop(digest, 0)
            self._sizes[digest] = _on_disk(size)
            self._make_room()

    def drop(self, digest: str) -> None:
        """Forget a blob."""
        with self._lock:
            self._remove(digest)

    def _make_room(self) -> None:
        while self._total > self.limit and self._sizes:
            self._remove(next(iter(self._sizes)))

    def _remove(self, digest: str) -> None:
        self._total -= self._sizes.pop(digest, 0)
        with suppress(OSError):
            os.unlink(self._path(digest))

    def _folder_of(self, digest: str) -> int:
        folder = os.path.dirname(self._path(digest))
        os.makedirs(folder, exist_ok=True, mode=0o700)
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _path(self, digest: str) -> str:
        return f"{self._folder}/{digest[:2]}/{digest}"


def _kept(folder: Path) -> Iterator[tuple[int, str, int]]:
    """Give when each blob was used last, its digest, and what it takes. What no blob's file is called is removed."""
    for below in os.scandir(folder):
        if not below.is_dir(follow_symlinks=False):
            continue
        for file in os.scandir(below):
            if is_digest(file.name) and file.is_file(follow_symlinks=False):
                found = file.stat(follow_symlinks=False)
                yield found.st_mtime_ns, file.name, _on_disk(found.st_size)
            else:
                with suppress(OSError):
                    os.unlink(file)


def _on_disk(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES
