"""Requests, a line each."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def lines_of(requests: int) -> "Iterator[str]":
    """Yield the lines that come from a descriptor."""
    rest = b""
    while True:
        data = os.read(requests, 65536)
        if not data:
            return
        *complete, rest = (rest + data).split(b"\n")
        for line in complete:
            yield line.decode()
