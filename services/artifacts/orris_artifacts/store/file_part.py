"""A part of a file that is open: read as often as needed, never in memory but for a piece."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from io import FileIO

from orris_artifacts.digests import digest_of
from orris_artifacts.pieces import PIECE_BYTES
from orris_artifacts.store.port import ObjectLost

_AT_ONCE = 256 * 1024


class FilePart:
    """The `size` bytes of a file from `begin` on, which nobody changes: what is read later was there before.

    `errors` gives what names the errors of reading; `name` is for those who look for what ends too early.
    """

    def __init__(
        self, file: FileIO, begin: int, size: int, name: str, errors: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self.size = size
        self._file = file
        self._begin = begin
        self._name = name
        self._errors = errors

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the bytes, which are read for it once. Raises ObjectLost."""
        return digest_of(self.views())

    def pieces(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Give `length` bytes from `offset` on, or all that follow, in pieces of at most 1 MiB. Raises ObjectLost."""
        end = self.size if length is None else min(self.size, offset + length)
        while offset < end:
            with self._errors():
                piece = os.pread(self._file.fileno(), min(PIECE_BYTES, end - offset), self._begin + offset)
            offset += self._counted(len(piece), offset)
            yield piece

    def views(self) -> Iterator[memoryview]:
        """Give all bytes, each time in the same piece of memory. Raises ObjectLost."""
        memory = memoryview(bytearray(min(_AT_ONCE, self.size)))
        offset = 0
        while offset < self.size:
            with self._errors():
                count = os.preadv(self._file.fileno(), [memory[: self.size - offset]], self._begin + offset)
            offset += self._counted(count, offset)
            yield memory[:count]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _counted(self, count: int, offset: int) -> int:
        if not count:
            raise ObjectLost(f"{self._name} ends {self.size - offset} bytes too early")
        return count
