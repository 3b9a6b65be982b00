"""Layers made before, kept on this machine up to a size."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orris_images.build.oci.layers import Layer

_UNFINISHED = ".tmp"


class LayerCache:
    """Files `<key>.<digest>.tar`; when they are more than `limit` bytes, those go that were not used for longest."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._changing = threading.Lock()
        self._used = Counter[str]()

    @contextmanager
    def layer(self, key: str, make: Callable[[Path], Layer]) -> Iterator[Layer]:
        """Give the layer by a key, made by `make` in the file it is told where there is none; it stays in the block."""
        with self._changing:
            self._used[key] += 1
        try:
            yield self._known(key) or self._made(key, make)
        finally:
            with self._changing:
                self._used[key] -= 1
                self._evict()

    def _known(self, key: str) -> Layer | None:
        for path in self._folder.glob(f"{key}.*.tar"):
            with suppress(FileNotFoundError):
                _use(path)
                return Layer(f"sha256:{path.name.split('.')[1]}", path.stat().st_size, path)
        return None

    def _made(self, key: str, make: Callable[[Path], Layer]) -> Layer:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f"{uuid.uuid4().hex}{_UNFINISHED}"
        try:
            made = make(temporary)
            path = self._folder / f"{key}.{made.digest.removeprefix('sha256:')}.tar"
            temporary.rename(path)
            _use(path)
            return Layer(made.digest, made.size, path)
        finally:
            temporary.unlink(missing_ok=True)

    def _evict(self) -> None:
        found = [(path, path.stat()) for path in self._folder.glob("*.tar")]
        size = sum(status.st_size for _, status in found)
        for path, status in sorted(found, key=lambda each: each[1].st_mtime_ns):
            if size <= self._limit:
                return
            if self._used[path.name.split(".")[0]] == 0:
                path.unlink(missing_ok=True)
                size -= status.st_size

    def sweep(self) -> None:
        """Remove what was being written when the service ended."""
        for path in self._folder.glob(f"*{_UNFINISHED}"):
            path.unlink(missing_ok=True)


def _use(path: Path) -> None:
    """Note that a layer was used now; by the system's own times those of one moment would be alike."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))
