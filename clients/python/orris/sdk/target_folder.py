"""A folder that downloads are written to: nothing leaves it, whatever paths a server sends and links lie in it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from orris.errors import DataLoss, FailedPrecondition

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class TargetFolder:
    """A folder, made when absent. Below it no link is followed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        os.close(self._descriptor)

    @contextmanager
    def file(self, path: str, mode: int) -> Iterator[int]:
        """Give the descriptor of a new file, which appears as `path` when the block ends without an error.

        Raises DataLoss (INVALID_PATH), FailedPrecondition (PATH_IN_THE_WAY).
        """
        *folders, name = safe_parts(path)
        parent = self._enter(folders)
        temporary = f".{secrets.token_hex(8)}.part"
        try:
            descriptor = os.open(temporary, _NEW_FILE, 0o600, dir_fd=parent)
            try:
                yield descriptor
                os.fchmod(descriptor, mode & 0o777)
                os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            except IsADirectoryError:
                raise self._in_the_way(path, "a folder") from None
            finally:
                os.close(descriptor)
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=parent)
        finally:
            os.close(parent)

    def _enter(self, folders: Sequence[str]) -> int:
        """Return the descriptor of a folder below, made when absent."""
        current = os.dup(self._descriptor)
        for depth, name in enumerate(folders, start=1):
            try:
                following = _open_folder(name, current)
            except NotADirectoryError:  # also what O_DIRECTORY says of a link
                raise self._in_the_way("/".join(folders[:depth]), "a file or a link") from None
            finally:
                os.close(current)
            current = following
        return current

    def _in_the_way(self, path: str, what: str) -> FailedPrecondition:
        message = f"{self._folder / path} is {what} there already; download into another folder, or remove it"
        return FailedPrecondition(message, reason="PATH_IN_THE_WAY")


def safe_parts(path: str) -> list[str]:
    """Return the parts of a path in a tree. Raises DataLoss (INVALID_PATH) when it would lead out of its folder."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts):
        raise DataLoss(f"the server sent the path {path[:300]!r}, which no tree can hold", reason="INVALID_PATH")
    return parts


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all bytes at an offset."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _open_folder(name: str, parent: int) -> int:
    with suppress(FileNotFoundError):
        return os.open(name, _FOLDER, dir_fd=parent)
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
    return os.open(name, _FOLDER, dir_fd=parent)
