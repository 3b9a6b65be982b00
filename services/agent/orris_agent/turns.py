"""Things that only one thread at a time may deal with, known by their names."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Turns:
    """Who has taken names is alone with them. All at once or none: so nobody waits for somebody who waits for them."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._released = threading.Condition()

    @contextmanager
    def at(self, names: Iterable[str]) -> Iterator[None]:
        """Wait until nobody else has one of the names, and have them until the block ends."""
        wanted = set(names)
        with self._released:
            self._released.wait_for(lambda: not self._taken & wanted)
            self._taken |= wanted
        try:
            yield
        finally:
            with self._released:
                self._taken -= wanted
                self._released.notify_all()
