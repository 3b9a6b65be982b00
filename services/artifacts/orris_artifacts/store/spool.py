"""Bytes on their way between a client and a bucket: on the disk, since many large ones would fill the memory.

They lie in files without a name, which only the service has and which are gone with it, however it ends.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import FileIO
from pathlib import Path

from orris_artifacts.pieces import PIECE_BYTES, cut
from orris_artifacts.store.disk import write_all
from orris_artifacts.store.disk_errors import disk_errors_named
from orris_artifacts.store.file_part import FilePart
from orris_artifacts.store.port import Bytes

SETTING = "ORRIS_ARTIFACTS_SPOOL"


class Spool:
    """Takes bytes in pieces, and gives them as often as needed. Up to 1 MiB of them stay in memory.

    Raises ResourceExhausted (STORE_FULL), FailedPrecondition (STORE_REFUSES) where the disk does not take them.
    """

    def __init__(self, folder: Path) -> None:
        self.size = 0
        self._folder = os.fspath(folder)
        self._held: list[bytes] = []
        self._file: FileIO | None = None

    def append(self, piece: Bytes) -> None:
        """Take the next bytes."""
        self.size += len(piece)
        if self._file is None and self.size <= PIECE_BYTES:
            self._held.append(bytes(piece))
            return
        with self._errors_named():
            write_all(self._opened().fileno(), piece)

    def clear(self) -> None:
        """Forget what was taken."""
        self.size = 0
        self._held = []
        if self._file is not None:
            with self._errors_named():
                self._file.seek(0)
                self._file.truncate()

    def __iter__(self) -> Iterator[Bytes]:
        """Give all bytes: a piece holds until the next one is asked for."""
        return iter(self._held) if self._file is None else self._part(self._file).views()

    def pieces(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Give `length` bytes from `offset` on, or all that follow, in pieces of at most 1 MiB."""
        if self._file is None:
            return cut(self._held, offset, length)
        return self._part(self._file).pieces(offset, length)

    def close(self) -> None:
        """Give back the memory, or the room on the disk."""
        self._held = []
        if self._file is not None:
            self._file.close()

    def _opened(self) -> FileIO:
        if self._file is None:
            self._file = _file_without_name(self._folder)
            for piece in self._held:
                write_all(self._file.fileno(), piece)
            self._held = []
        return self._file

    def _part(self, file: FileIO) -> FilePart:
        return FilePart(file, 0, self.size, f"a file in {self._folder}", self._errors_named)

    def _errors_named(self) -> AbstractContextManager[None]:
        return _errors_named(self._folder)


class HashingSpool(Spool):
    """A spool that knows the SHA-256 of what it has taken."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._found = hashlib.sha256()

    @property
    def digest(self) -> str:
        """The SHA-256 of all bytes."""
        return self._found.hexdigest()

    def append(self, piece: Bytes) -> None:
        """Take the next bytes."""
        self._found.update(piece)
        super().append(piece)

    def clear(self) -> None:
        """Forget what was taken."""
        self._found = hashlib.sha256()
        super().clear()


def check_folder(folder: Path) -> None:
    """Find out whether spools can be made in a folder. Raises as they do."""
    with _errors_named(os.fspath(folder)):
        _file_without_name(os.fspath(folder)).close()


def _file_without_name(folder: str) -> FileIO:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    return tempfile.TemporaryFile(buffering=0, dir=folder)


def _errors_named(folder: str) -> AbstractContextManager[None]:
    return disk_errors_named(f"{folder} ({SETTING})", folder)
