"""Memory in one piece for the objects that imports make, so that it can lie in large pages (see large_pages.py).

Python takes it bit by bit, where the kernel has some: between the libraries that are loaded meanwhile.
"""

import sys

SIZE = 64 * 1024 * 1024  # bytes: more than most libraries need

# Python takes and gives back what holds so many of its largest small objects, and fills first what is fullest.
_LARGEST = 512
_TOGETHER = 1984 if sys.version_info >= (3, 10) else 448
_HEAD = sys.getsizeof(b"")


def set_aside(size: int = SIZE) -> "list[list[bytes]]":
    """Take memory for objects. It is kept by what is returned; once that is forgotten, what is unused is given back."""
    try:
        pieces = [[bytes(_LARGEST - _HEAD) for _ in range(_TOGETHER)] for _ in range(size // (_TOGETHER * _LARGEST))]
    except MemoryError:
        return []
    return [piece[:1] for piece in pieces]
