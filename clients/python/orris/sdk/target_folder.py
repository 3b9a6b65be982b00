"""A folder that downloads are written to: nothing leaves it, whatever paths a server sends and links lie in it."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from orris.errors import FailedPrecondition
from orris.sdk.entry_checks import invalid_path
from orris.sdk.new_file import NewFile
from orris.tree_paths import fault_of

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class TargetFolder:
    """A folder, made when absent. Below it no link is followed. May be used from several threads.

    What the disk does not allow is FailedPrecondition (DISK_FULL, CANNOT_WRITE).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with self.faults():
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self.was_empty = not os.listdir(self._descriptor)
        # Files come in the order of their paths: the folder of a thread's last file is mostly that of its next one.
        self._entered: dict[int, tuple[Sequence[str], int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        for _, descriptor in self._entered.values():
            os.close(descriptor)
        os.close(self._descriptor)

    @contextmanager
    def file(self, path: str, mode: int) -> Iterator[int]:
        """Give the descriptor of a new file, which appears as `path` when the block ends without an error.

        Raises DataLoss (INVALID_PATH), FailedPrecondition (PATH_IN_THE_WAY, DISK_FULL, CANNOT_WRITE).
        """
        with self.faults(path), self.open(path) as new:
            yield new.descriptor
            new.appear(mode)

    def open(self, path: str) -> NewFile:
        """Return a file that is to appear as `path`. Raises as `file` does, but OSError where `faults` has words."""
        *folders, name = safe_parts(path)
        return NewFile(self._enter(folders), name)

    @contextmanager
    def existing(self, path: str) -> Iterator[int | None]:
        """Give a descriptor of a file that is there, None where there is no regular file of no other name."""
        *folders, name = safe_parts(path)
        descriptor = None
        with suppress(OSError, FailedPrecondition):
            parent = self._enter(folders, make=False)
            try:
                descriptor = os.open(name, _READ, dir_fd=parent)
            finally:
                os.close(parent)
        try:
            yield descriptor if descriptor is not None and _is_alone(descriptor) else None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    @contextmanager
    def faults(self, path: str = "") -> Iterator[None]:
        """Turn what the disk says into errors that name the file."""
        try:
            yield
        except IsADirectoryError:
            raise self._in_the_way(path, "a folder") from None
        except OSError as error:
            where = self._folder / path
            if error.errno in _FULL:
                message = f"there is no room for {where} ({error.strerror}); free some space, then download again"
                raise FailedPrecondition(message, reason="DISK_FULL") from error
            message = f"{where} cannot be written ({error.strerror}); download into another folder"
            raise FailedPrecondition(message, reason="CANNOT_WRITE") from error

    def _enter(self, folders: Sequence[str], make: bool = True) -> int:
        """Return a descriptor of a folder below, which is made when absent."""
        thread = threading.get_ident()
        before, descriptor = self._entered.get(thread, ([], -1))
        if descriptor < 0 or before != folders:
            entered = self._walk(folders, make)
            self._entered[thread] = (folders, entered)
            if descriptor >= 0:
                os.close(descriptor)
            descriptor = entered
        return os.dup(descriptor)

    def _walk(self, folders: Sequence[str], make: bool) -> int:
        current = os.dup(self._descriptor)
        for depth, name in enumerate(folders, start=1):
            try:
                following = _open_folder(name, current, make)
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
    if fault := fault_of(path):
        raise invalid_path(path, fault)
    return path.split("/")


def write_at(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all bytes at an offset."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _open_folder(name: str, parent: int, make: bool) -> int:
    if make:
        with suppress(FileNotFoundError):
            return os.open(name, _FOLDER, dir_fd=parent)
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def _is_alone(descriptor: int) -> bool:
    found = os.fstat(descriptor)
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1
