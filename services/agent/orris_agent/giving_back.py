"""Give the disk back what a file takes whose bytes are stored elsewhere: its beginning becomes a hole."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

from orris_agent.beneath import Beneath

# fallocate(2): FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
_HOLE = 0x01 | 0x02


def give_back(folder: Beneath, path: str, end: int, owner: int) -> bool:
    """Free the first `end` bytes of the run's file; return whether that could be done.

    A file of anybody else than the run's own user (`owner`) is left alone, wherever a link of the run leads. Where the
    system or the file system has no holes, nothing happens.
    """
    fallocate = _fallocate()
    if fallocate is None or end <= 0:
        return False
    try:
        with folder.opened(path) as found:
            if os.fstat(found).st_uid != owner:
                return False
            writable = os.open(f"/proc/self/fd/{found}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                return bool(fallocate(writable, _HOLE, 0, end) == 0)
            finally:
                os.close(writable)
    except OSError:
        return False


@cache
def _fallocate() -> Any:
    try:
        function = ctypes.CDLL(None, use_errno=True).fallocate64
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    function.restype = ctypes.c_int
    return function
