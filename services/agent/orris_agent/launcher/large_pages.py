"""Memory that all forks share, in large pages: the tables of small ones are copied for each fork, and freed at its end.

A fork that writes to a large page has a small one of it copied, as ever. Where the kernel has no such pages, or cannot
make them when it is asked to (before Linux 6.1), nothing changes.
"""

import ctypes

from orris_agent.supervisor.system import c_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MADV_COLLAPSE = 25
_LEAST_USED = 0.9  # of an area: to fill up what is not used would take memory


def gather() -> None:
    """Put what this process has written into large pages, where it fills them."""
    try:
        size = _size()
        for begin, end in list(_full_areas()):
            for address in range(-(-begin // size) * size, end - size + 1, size):
                c_library().madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), _MADV_COLLAPSE)
    except (OSError, ValueError):
        pass  # it is as it was


def _size() -> int:
    with open("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size") as file:
        return int(file.read())


def _full_areas() -> "Iterator[tuple[int, int]]":
    """Yield where areas of memory begin and end that mirror no file and are in use (proc_pid_smaps(5))."""
    with open("/proc/self/smaps") as file:
        for line in file:
            words = line.split()
            if not words[0].endswith(":"):
                begin, end = [int(address, 16) for address in words[0].split("-")]
                mirrors_none = words[1:5] == ["rw-p", "00000000", "00:00", "0"]
            elif words[0] == "Anonymous:" and mirrors_none and int(words[1]) * 1024 >= _LEAST_USED * (end - begin):
                yield begin, end
