"""A file that gets its name when it is complete."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import Self

_NAMED = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# How a process names its own open files, from which nameless ones are linked: see open(2), O_TMPFILE.
_OPEN_FILES = "/proc/self/fd"
_NAMELESS = (os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC) if os.path.isdir(_OPEN_FILES) else None


class NewFile:
    """A file to be written through its `descriptor`, in a folder whose descriptor becomes its own.

    Where the system can, it has no name before it appears: then not even a killed process leaves anything behind.
    """

    def __init__(self, folder: int, name: str) -> None:
        self._folder = folder
        self._name = name
        self._temporary = ""
        try:
            self.descriptor = self._open_nameless()
            if self.descriptor < 0:
                self._temporary = _new_name()
                self.descriptor = os.open(self._temporary, _NAMED, 0o600, dir_fd=folder)
        except OSError:
            os.close(folder)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def reserve(self, offset: int, size: int) -> None:
        """Take room for what is written next, where that is cheap: writing takes a third less time then.

        File systems without nameless files mostly cannot do that either: the C library would write to each block.
        """
        if not self._temporary:
            with suppress(OSError):  # when there is no room, writing says so
                os.posix_fallocate(self.descriptor, offset, size)

    def appear(self, mode: int) -> None:
        """Take its name, from a file or link that has it. Raises IsADirectoryError."""
        os.fchmod(self.descriptor, mode & 0o777)
        if not self._temporary:
            with suppress(FileExistsError):
                self._link(self._name)
                return
            self._link(temporary := _new_name())
            self._temporary = temporary
        os.replace(self._temporary, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def close(self) -> None:
        """Let it go; what has not appeared is gone."""
        os.close(self.descriptor)
        if self._temporary:
            with suppress(FileNotFoundError):
                os.unlink(self._temporary, dir_fd=self._folder)
        os.close(self._folder)

    def _open_nameless(self) -> int:
        if _NAMELESS is not None:
            with suppress(OSError):  # file systems say in many ways that they have no such thing
                return os.open(".", _NAMELESS, 0o600, dir_fd=self._folder)
        return -1

    def _link(self, name: str) -> None:
        os.link(f"{_OPEN_FILES}/{self.descriptor}", name, dst_dir_fd=self._folder, follow_symlinks=True)


def _new_name() -> str:
    return f".{secrets.token_hex(8)}.part"
