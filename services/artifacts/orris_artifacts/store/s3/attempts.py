"""What fails for a reason that passes is tried again, after growing pauses, for a bounded time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class Attempts:
    """Tries something again for up to `seconds`, and once in any case: the first try may have met a stale connection.

    After that was in vain, things are tried once only, until one succeeds: nobody waits for what is known.
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._in_vain = False

    @property
    def in_vain(self) -> bool:
        """Tell whether what was tried last has failed again and again."""
        return self._in_vain

    def run(self, act: Callable[[], T], passes: Callable[[Exception], bool]) -> T:
        """Return what `act` returns, or raise what it raised last; `passes` tells what to try again after."""
        begin = self._clock()
        for number, pause in enumerate(_pauses()):
            try:
                result = act()
            except Exception as error:
                if not passes(error):
                    self._in_vain = False
                    raise
                if self._in_vain or (number > 0 and self._clock() + pause > begin + self._seconds):
                    self._in_vain = True
                    raise
                self._sleep(pause)
            else:
                self._in_vain = False
                return result
        raise AssertionError("pauses never end")


def _pauses() -> Iterator[float]:
    """Give 0.1 s, 0.2 s, 0.4 s … 2 s, 2 s …, each a bit shorter by chance: not all come back at once."""
    pause = _FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1.0)
        pause = min(2 * pause, _LONGEST_PAUSE)
