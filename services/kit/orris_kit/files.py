"""Small files that are there completely or not at all, also after a power cut."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def create_once(path: Path, content: bytes, *, mode: int = 0o600) -> bool:
    """Create a file; when another was quicker, keep theirs and return False."""
    with _written(path, content, mode) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    _sync_folder(path.parent)
    return True


def replace(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Create a file or replace its content at once: a reader sees the old or the new."""
    with _written(path, content, mode) as temporary:
        os.replace(temporary, path)
    _sync_folder(path.parent)


@contextmanager
def _written(path: Path, content: bytes, mode: int) -> Iterator[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.chmod(temporary, mode)  # mkstemp makes it 0600: never readable by others before this line
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
