"""A folder as a store: the object `key` is the file `<root>/<key>`.

Bytes are written to `<root>/.incoming` and renamed when they are on the disk: a power cut leaves a file there, never
half an object.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from io import FileIO
from pathlib import Path

from orris_artifacts.store.disk import DurableFolders, NewFile
from orris_artifacts.store.disk_errors import disk_errors_named
from orris_artifacts.store.file_part import FilePart
from orris_artifacts.store.port import Bytes, Content, ObjectLost, SignedRequest, StoredObject

INCOMING = ".incoming"
ABANDONED_SECONDS = 3600


class FolderStore:
    """Keeps objects as files below `root`, which is made when absent."""

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._root = os.fspath(root)
        self._incoming = os.path.join(self._root, INCOMING)
        self._folders = DurableFolders(self._root)
        self._clock = clock
        with self._errors_named():
            for folder in (self._root, self._incoming):
                os.makedirs(folder, mode=0o700, exist_ok=True)
        self.tidy()

    @property
    def place(self) -> str:
        """The folder."""
        return f"the folder {self._root}"

    def put(self, key: str, data: Bytes) -> None:
        """Store an object, durable on return. Raises ResourceExhausted (STORE_FULL)."""
        with self.writer(key) as writer:
            writer.write(data)
            writer.commit()

    @contextmanager
    def writer(self, key: str) -> Iterator[FileWriter]:
        """Begin an object that comes in pieces. Raises ResourceExhausted (STORE_FULL)."""
        with self._errors_named():
            file = NewFile(os.path.join(self._incoming, secrets.token_hex(16)), self._folders)
        try:
            yield FileWriter(file, self._path(key), self._errors_named)
        finally:
            file.close()

    def read(self, key: str, offset: int = 0, size: int | None = None) -> bytes:
        """Return an object's bytes, or the `size` bytes from `offset` on. Raises ObjectLost."""
        with closing(self._part(key, offset, size)) as part:
            return b"".join(part.pieces())

    def open(self, key: str, offset: int, size: int) -> Content:
        """Return these bytes as content: the object's file, which nobody writes any more. Raises ObjectLost."""
        return self._part(key, offset, size)

    def size(self, key: str) -> int | None:
        """Return an object's size in bytes, None when there is none."""
        with suppress(FileNotFoundError), self._errors_named():
            return os.stat(self._path(key)).st_size
        return None

    def delete(self, keys: Iterable[str]) -> None:
        """Remove those of the objects that are there."""
        for key in keys:
            with suppress(FileNotFoundError), self._errors_named():
                os.unlink(self._path(key))

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Give the objects whose keys begin with `prefix`, which ends in `/` or is empty."""
        for entry in self._entries(prefix):
            key = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if key != INCOMING:
                    yield from self.list(f"{key}/")
            elif entry.is_file(follow_symlinks=False) and (size := self.size(key)) is not None:
                yield StoredObject(key, size)

    def folders(self) -> Iterable[str]:
        """Return what stands before the first `/` of keys."""
        return [each.name for each in self._entries("") if each.name != INCOMING and each.is_dir(follow_symlinks=False)]

    def tidy(self) -> None:
        """Remove what a killed process left behind; another that shares the folder keeps what it is writing."""
        before = self._clock() - ABANDONED_SECONDS
        with self._errors_named(), os.scandir(self._incoming) as files:
            for file in files:
                with suppress(FileNotFoundError):
                    if file.stat(follow_symlinks=False).st_mtime < before:
                        os.unlink(file.path)

    def presign_put(self, key: str, digest: str, size: int) -> SignedRequest | None:
        """Return None: a folder answers no requests."""
        return None

    def presign_get(self, key: str) -> SignedRequest | None:
        """Return None: a folder answers no requests."""
        return None

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _part(self, key: str, offset: int, size: int | None) -> FilePart:
        with self._reading(key):
            file = FileIO(self._path(key))
            there = os.fstat(file.fileno()).st_size - offset if size is None else size
        return FilePart(file, offset, there, key, lambda: self._reading(key))

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            with self._errors_named():
                yield
        except FileNotFoundError:
            raise ObjectLost(f"{key} is not there") from None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            raise ObjectLost(f"the disk cannot read {key}") from error

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _entries(self, prefix: str) -> Sequence[os.DirEntry[str]]:
        with suppress(FileNotFoundError), self._errors_named(), os.scandir(self._path(prefix)) as entries:
            return [*entries]
        return []

    def _errors_named(self) -> AbstractContextManager[None]:
        return disk_errors_named(self._root, self._incoming)


class FileWriter:
    """Writes an object's file, and gives it its name when all is there."""

    def __init__(self, file: NewFile, path: str, errors_named: Callable[[], AbstractContextManager[None]]) -> None:
        self._file = file
        self._path = path
        self._errors_named = errors_named

    def write(self, data: Bytes) -> None:
        """Take the next bytes. Raises ResourceExhausted (STORE_FULL)."""
        with self._errors_named():
            self._file.write(data)

    def commit(self, digest: str | None = None) -> None:
        """Make the object visible and durable. Raises ResourceExhausted (STORE_FULL)."""
        with self._errors_named():
            self._file.publish(self._path)
