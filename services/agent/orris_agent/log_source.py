"""Where a log's bytes come from: a file that grows, or one of which the run begins another under its name.

Loggers rotate, and programs write files anew. Such a log is one stream of bytes nevertheless, of which the server has
the beginning: what there is of one file, a line that says so, what there is of the next. A file is held open, so its
rest is read though it has another name by then, or none.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple, Protocol

from orris_agent.beneath import Beneath

_NOTHING = (0, b"")
_TAIL = 64  # bytes before a position, by which a file is known that was written anew in place


class LogSource(Protocol):
    """The bytes of a log, by their offsets."""

    def read(self, offset: int, size: int) -> bytes:
        """Return at most so many bytes; fewer where there are no more yet."""

    def size(self) -> int:
        """Return how many there are, as far as that is known."""


class GrowingFile:
    """A file below a folder that only grows."""

    def __init__(self, folder: Beneath, path: str) -> None:
        self._folder, self._path = folder, path

    def read(self, offset: int, size: int) -> bytes:
        """Return at most so many bytes; fewer where there are no more yet."""
        try:
            return self._folder.read(self._path, offset, size)
        except OSError:  # not there yet, removed by the program, or no file of the run
            return b""

    def size(self) -> int:
        """Return how many there are."""
        try:
            return self._folder.size(self._path)
        except OSError:
            return 0


class Part(NamedTuple):
    """One file of a log: its first byte is at `start`, its device and inode are `file`; `line` comes before it."""

    start: int = 0
    file: tuple[int, int] | None = None
    line: str = ""

    @property
    def begin(self) -> int:
        """Where the line begins."""
        return self.start - len(self.line)


class ChangingFile:
    """A file in a folder `top`, and those that take its place.

    `parts`: what an agent that was killed since has noted; `changed` is called with what is to be noted before anything
    of it is sent. With `held` it is held open.
    """

    def __init__(
        self,
        folder: Beneath,
        top: str,
        name: str,
        parts: list[Part] | None = None,
        changed: Callable[[list[Part]], None] = lambda parts: None,
        held: bool = True,
    ) -> None:
        self._folder, self._top, self._path = folder, top, f"{top}/{name}"
        self._parts = parts or [Part()]
        self._changed = changed
        self._hold = held
        self._held: _Open | None = None
        self._tail = _NOTHING

    def read(self, offset: int, size: int) -> bytes:
        """Return at most so many bytes; fewer where there are no more yet."""
        self._go_back(offset)
        data = b""
        while len(data) < size and (more := self._next(offset + len(data), size - len(data))):
            data += more
        return data

    def size(self) -> int:
        """Return how many there are, if the file that is there now is the last one that is known."""
        found = self._by_name()
        return self._parts[-1].start + (os.fstat(found.descriptor).st_size if found else 0)

    def _go_back(self, offset: int) -> None:
        """Forget what was to be behind an offset, if the server has nothing of it: it is decided anew."""
        while len(self._parts) > 1 and self._parts[-1].begin > offset:
            self._parts.pop()
            self._held, self._tail = None, _NOTHING
        # Of those before the last, the server has all.
        del self._parts[:-1]

    def _next(self, offset: int, size: int) -> bytes:
        part = self._parts[-1]
        if offset < part.start:
            return part.line.encode()[max(0, offset - part.begin) :][:size]
        position = offset - part.start
        file = self._opened(part)
        data = self._behind(file, position, size) if file else b""
        if data is None:
            return self._begin(offset, part.file, _in_place(position))[:size]
        return data or self._turn(offset, size, file)

    def _turn(self, offset: int, size: int, file: _Open | None) -> bytes:
        """Go on with the file that has the name now, if that is another one."""
        part, found = self._parts[-1], self._by_name()
        position = offset - part.start
        if found is None or found.identity == part.file:
            return b""
        # Once more: it may have grown just before it was exchanged.
        if file and (data := self._behind(file, position, size)):
            return data
        self._held = found if self._hold else None
        if position == 0 and file:
            self._parts[-1] = part._replace(file=found.identity)
            self._changed(self._parts)
            return self._next(offset, size)
        return self._begin(offset, found.identity, _WHOLE if file else _lost(position))[:size]

    def _begin(self, offset: int, file: tuple[int, int] | None, line: str) -> bytes:
        position, tail = self._tail
        if position == offset - self._parts[-1].start and tail and not tail.endswith(b"\n"):
            line = f"\n{line}"
        self._parts.append(Part(offset + len(line), file, line))
        self._tail = _NOTHING
        self._changed(self._parts)
        return line.encode()

    def _behind(self, file: _Open, position: int, size: int) -> bytes | None:
        """Return what a file has at a position; None where it has not what it had before it, or ends before."""
        known = self._tail[1] if self._tail[0] == position else b""
        found = os.pread(file.descriptor, len(known) + size, position - len(known))
        data = found[len(known) :]
        if not found.startswith(known) or (not data and os.fstat(file.descriptor).st_size < position):
            return None
        self._tail = position + len(data), found[-_TAIL:]
        return data

    def _opened(self, part: Part) -> _Open | None:
        """Return the file of a part, also by another name where another has its own; None where there is none."""
        if self._held is not None:
            return self._held
        found = self._by_name()
        if part.file is None and found is not None:
            self._parts[-1] = part._replace(file=found.identity)
            self._changed(self._parts)
        elif found is not None and found.identity != part.file:
            found = self._by_identity(part.file)
        if self._hold:
            self._held = found
        return found

    def _by_name(self) -> _Open | None:
        return _open(self._folder, self._path)

    def _by_identity(self, file: tuple[int, int] | None) -> _Open | None:
        if file is None:
            return None
        found = (_open(self._folder, f"{self._top}/{name}") for name in self._folder.files(self._top))
        return next((each for each in found if each and each.identity == file), None)


_WHOLE = "--- orris: the file was begun anew; all that it had before is above ---\n"


def _in_place(position: int) -> str:
    return f"--- orris: the file was begun anew in place; of what it had before, {position:,} bytes were read ---\n"


def _lost(position: int) -> str:
    return f"--- orris: the file was begun anew; of what it had before, what follows byte {position:,} is lost ---\n"


class _Open:
    """A descriptor that is closed when nobody has it any more, and which file it is of."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        found = os.fstat(descriptor)
        self.identity = found.st_dev, found.st_ino

    def __del__(self) -> None:
        os.close(self.descriptor)


def _open(folder: Beneath, path: str) -> _Open | None:
    try:
        with folder.opened(path) as descriptor:
            return _Open(os.dup(descriptor))
    except OSError:  # not there yet, removed by the program, or no file of the run
        return None
