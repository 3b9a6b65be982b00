"""Large files on their way: their chunks come in any order, several at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk.blobs import Blobs
from orris.sdk.copying import copy_range
from orris.sdk.new_file import NewFile
from orris.sdk.target_folder import TargetFolder


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk of a file, and where in the file its bytes are: more than once when they repeat."""

    file: GrowingFile
    chunk: pb.Chunk
    offsets: list[int]

    @property
    def size(self) -> int:
        """Number of bytes that it makes of the file, under all its paths."""
        return self.chunk.size * len(self.offsets) * self.file.path_count


class GrowingFile:
    """A file that appears, under all its paths (path -> permission bits), with the last of its parts."""

    def __init__(self, folder: TargetFolder, modes: Mapping[str, int], entry: pb.TreeEntry) -> None:
        self._folder = folder
        (self._path, self._mode), *self._copies = modes.items()
        self._size = entry.size
        self.path_count = len(modes)
        self.parts = _parts(self, entry)
        self._left = len(self.parts)
        self._new: NewFile | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            if self._new is not None:
                self._new.close()

    def write(self, part: Part, blobs: Blobs) -> None:
        """Write one of the parts."""
        with self._folder.faults(self._path):
            new = self._open()
            first, *others = part.offsets
            new.reserve(first, part.chunk.size)
            blobs.fill(part.chunk, new.descriptor, first)
            for offset in others:
                copy_range(new.descriptor, first, new.descriptor, offset, part.chunk.size)
            self._count_down()

    def _open(self) -> NewFile:
        with self._lock:
            self._new = self._new or self._folder.open(self._path)
            return self._new

    def _count_down(self) -> None:
        with self._lock:
            self._left -= 1
            if self._new is None or self._left:
                return
            for path, mode in self._copies:
                with self._folder.file(path, mode) as copy:
                    copy_range(self._new.descriptor, 0, copy, 0, self._size)
            self._new.appear(self._mode)
            self._new.close()
            self._new = None


def _parts(file: GrowingFile, entry: pb.TreeEntry) -> list[Part]:
    parts: dict[str, Part] = {}
    offset = 0
    for chunk in entry.chunks:
        parts.setdefault(chunk.digest, Part(file, chunk, [])).offsets.append(offset)
        offset += chunk.size
    return list(parts.values())
