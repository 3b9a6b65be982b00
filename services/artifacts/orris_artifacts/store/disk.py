"""Files and folders that are on the disk when they say so."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from orris_artifacts.store.port import Bytes


class NewFile:
    """A file that gets its name when it is on the disk. Only its owner can read it."""

    def __init__(self, temporary: str, folders: DurableFolders) -> None:
        self._temporary = temporary
        self._folders = folders
        self._descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, data: Bytes) -> None:
        """Append all bytes."""
        write_all(self._descriptor, data)

    def publish(self, path: str) -> None:
        """Let the file appear at `path`, durable on return."""
        folder = os.path.dirname(path)
        os.fsync(self._descriptor)
        self._folders.make(folder)
        os.replace(self._temporary, path)
        sync(folder)

    def close(self) -> None:
        """Remove what was not published."""
        os.close(self._descriptor)
        with suppress(FileNotFoundError):
            os.unlink(self._temporary)


class DurableFolders:
    """Folders below `root`, of which it is known that their names are on the disk."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def make(self, folder: str) -> None:
        """Make a folder where it is absent. Who comes second waits until it is durable."""
        if folder not in self._known or not os.path.isdir(folder):
            with self._lock:
                self._make(folder)

    def _make(self, folder: str) -> None:
        if folder == self._root:
            return
        parent = os.path.dirname(folder)
        self._make(parent)
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        sync(parent)
        self._known.add(folder)


def write_all(descriptor: int, data: Bytes) -> None:
    """Write all bytes to an open file."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync(path: str) -> None:
    """Wait until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
