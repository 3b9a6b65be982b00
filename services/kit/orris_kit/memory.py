"""Memory that was given back and is kept all the same: the C library's, a heap for each of several threads."""

from __future__ import annotations

import ctypes
import sys

MIB = 1024 * 1024

# As in GNU's <malloc.h>: what is at the end of a heap until it goes back to the system; what is larger than to be in a
# heap; how many heaps there are. https://man7.org/linux/man-pages/man3/mallopt.3.html
_SETTINGS = {-1: 8 * MIB, -3: 4 * MIB, -8: 2}


def share_heaps() -> None:
    """Let all threads have two heaps, before the first is started; nothing is done where there is no `mallopt`.

    Left to itself, the library makes eight for each processor. What passes through a service in pieces of a megabyte
    is taken and given back by another thread each time, and left a few of them in every heap; a heap that was emptied
    went back to the system at once, only for its pages to be touched for the first time again.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        for setting, value in _SETTINGS.items():
            mallopt(setting, value)
