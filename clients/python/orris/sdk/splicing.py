"""Bytes from a connection into a file, past this process: see splice(2)."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from typing import Self

from orris.sdk.target_folder import write_at

CAN_SPLICE = hasattr(os, "splice")
# The most that Linux lets everybody have.
PIPE_BYTES = 1024 * 1024


class Pipe:
    """A pipe that one thread fills and empties. It holds `held` bytes; leaving the block drops them.

    Nothing waits: neither for bytes nor for room.
    """

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        self.held = 0
        os.set_blocking(self._in, False)
        with suppress(OSError):  # a user who has many wide ones already: a narrow one does it, too
            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        os.close(self._out)
        os.close(self._in)

    def put(self, data: bytes) -> int:
        """Take some of these bytes; return how many."""
        count = os.write(self._in, data)
        self.held += count
        return count

    def fill(self, source: int, most: int) -> int:
        """Take bytes of a connection that does not block; return how many, 0 at its end.

        Raises BlockingIOError when none have come, or when there is no room.
        """
        count = os.splice(source, self._in, most, flags=os.SPLICE_F_NONBLOCK)
        self.held += count
        return count

    def empty(self, target: int, offset: int) -> int:
        """Write all that it holds into a file; return how many bytes that were. Raises OSError."""
        count = self.held
        while self.held:
            moved = self._move(target, offset)
            self.held -= moved
            offset += moved
        return count

    def _move(self, target: int, offset: int) -> int:
        try:
            return os.splice(self._out, target, self.held, offset_dst=offset)
        except OSError as error:
            if error.errno != errno.EINVAL:  # what file systems say that cannot do this
                raise
        data = os.read(self._out, self.held)
        write_at(target, data, offset)
        return len(data)
