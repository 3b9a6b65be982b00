"""What is uploaded: bytes of a file or in memory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from orris.errors import FailedPrecondition, InvalidArgument, NotFound

CHUNK_BYTES = 16 * 1024 * 1024
PIECE_BYTES = 1024 * 1024

# Device, inode, size, and when the bytes, and anything at all, changed last, in nanoseconds.
State = tuple[int, int, int, int, int]


class Description(Protocol):
    """What is known of bytes without reading them: their number, the permission bits, and a file's state."""

    @property
    def size(self) -> int: ...

    @property
    def mode(self) -> int: ...

    @property
    def state(self) -> State | None: ...

    @property
    def place(self) -> object:
        """What is equal as long as it is the same file."""


class Opened(Description, Protocol):
    """Bytes that can be read: the same file's to the end, whatever takes its place meanwhile."""

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes of a range, fewer when there are not so many any more."""


class Content(Description, Protocol):
    """Bytes that can be opened several times. They may be others the next time."""

    def open(self) -> AbstractContextManager[Opened]:
        """Open the bytes that are there now."""

    def anew(self) -> Content:
        """Return the content as it is now."""


class FileContent:
    """A file on this machine, as it was when it was looked at."""

    __slots__ = ("mode", "path", "size", "state")

    def __init__(self, path: str | os.PathLike[str], found: os.stat_result | None = None) -> None:
        self.path = os.fspath(path)
        if found is None:
            try:
                found = os.stat(self.path)
            except OSError as error:
                raise _explained(error, self.path) from error
        if not stat.S_ISREG(found.st_mode):
            raise InvalidArgument(f"{self.path!r} is no regular file; only files can be uploaded", field="files")
        self.size = found.st_size
        self.mode = stat.S_IMODE(found.st_mode) & 0o777
        self.state: State = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def __fspath__(self) -> str:
        return self.path

    @property
    def place(self) -> object:
        return self.state[:2]

    @contextmanager
    def open(self) -> Iterator[Opened]:
        descriptor = self.descriptor()
        try:
            yield _OpenFile(self.path, descriptor)
        finally:
            os.close(descriptor)

    def descriptor(self) -> int:
        """Return a descriptor of the file that is there now, which the caller closes."""
        try:
            # Without waiting, should a pipe have taken the file's place.
            return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise _explained(error, self.path) from error

    def anew(self) -> FileContent:
        return FileContent(self.path)


class _OpenFile(FileContent):
    __slots__ = ("_descriptor",)

    def __init__(self, path: str, descriptor: int) -> None:
        super().__init__(path, os.fstat(descriptor))
        self._descriptor = descriptor

    def read(self, offset: int, size: int) -> bytes:
        data = os.pread(self._descriptor, size, offset)
        while 0 < len(data) < size and (more := os.pread(self._descriptor, size - len(data), offset + len(data))):
            data += more
        return data


class BytesContent:
    """Bytes in memory."""

    mode = 0o644
    state = None
    place = None

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, size: int) -> bytes:
        return self._data[offset : offset + size]

    def open(self) -> AbstractContextManager[Opened]:
        return nullcontext(self)

    def anew(self) -> BytesContent:
        return self


def _explained(error: OSError, path: str) -> Exception:
    if isinstance(error, FileNotFoundError):
        return NotFound(f"there is no file {path!r} (any more); correct the path")
    if isinstance(error, PermissionError):
        message = f"the file {path!r} may not be read; change its permissions or leave it out"
        return FailedPrecondition(message, reason="FILE_UNREADABLE")
    return error
