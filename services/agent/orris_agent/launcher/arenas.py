"""Memory in one piece for the objects that imports make, so that it can lie in large pages (see large_pages.py).

Python takes it bit by bit, where the kernel has some: between the libraries that are loaded meanwhile.
"""

import sys

SIZE = 64 * 1024 * 1024  # bytes: more than most libraries need

# Python takes and gives back memory in arenas of 64 pools, and fills first what is fullest. A pool has objects of about
# the same size: so many of the largest, after which comes the C library.
_LARGEST = 512
_POOL_BITS, _OF_A_POOL = (14, 31) if sys.version_info >= (3, 10) else (12, 7)
_HEAD = sys.getsizeof(b"")


def set_aside(size: int = SIZE) -> "list[list[bytes]]":
    """Take memory for objects. It is kept by what is returned; once that is forgotten, what is unused is given back."""
    of_an_arena = 64 * _OF_A_POOL
    try:
        arenas = [[bytes(_LARGEST - _HEAD) for _ in range(of_an_arena)] for _ in range(size // of_an_arena // _LARGEST)]
    except MemoryError:
        return []
    return [_pool(arena, len(arena) // 2) for arena in arenas]


def _pool(arena: "list[bytes]", place: int) -> "list[bytes]":
    """Return the objects of a pool, which is full of them: another object in it would keep its arena."""
    pool = id(arena[place]) >> _POOL_BITS
    return [each for each in arena if id(each) >> _POOL_BITS == pool]
