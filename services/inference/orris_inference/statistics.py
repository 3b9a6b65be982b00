"""How an endpoint is asked and answers: counted since it is there, and over the last minute."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from orris.errors import OrrisError
from orris_kit.metrics import Histogram

if TYPE_CHECKING:
    from orris_inference.drift import Drift

WINDOW_SECONDS = 60
_PART_SECONDS = 5
_PARTS = WINDOW_SECONDS // _PART_SECONDS


class Statistics:
    """Numbers of one endpoint, for one thread: the loop's. Codes of errors are few; nothing of a request is kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin = clock()
        self.begin_time = datetime.now(UTC)
        self.answered = Histogram()
        self.errors: Counter[str] = Counter()
        self.drift: Drift | None = None
        # What a drift had counted before a restart, until one for the same sample is there.
        self._drift_before: dict[str, Any] | None = None
        # By number of the part: answers, and how many failed.
        self._parts: list[tuple[int, Histogram, list[int]]] = []

    def compare(self, drift: Drift | None) -> None:
        """Have inputs compared from now on; what was counted before a restart against the same sample counts."""
        self.drift = drift
        if drift is not None and self._drift_before is not None:
            drift.take_up(self._drift_before)
            self._drift_before = None

    def kept(self) -> dict[str, Any]:
        """Return all but the last minute, for JSON."""
        return {
            "begin_time": self.begin_time.isoformat(),
            "answered": self.answered.counts,
            "seconds": self.answered.total,
            "errors": dict(self.errors),
            "drift": self._drift_before if self.drift is None else self.drift.kept(),
        }

    def take_up(self, kept: dict[str, Any]) -> None:
        """Go on with what `kept` returned. Counts in other buckets than there are now count for nothing."""
        if len(kept["answered"]) == len(self.answered.counts):
            self.begin_time = datetime.fromisoformat(kept["begin_time"])
            self.answered.counts, self.answered.total = list(kept["answered"]), kept["seconds"]
            self.errors.update(kept["errors"])
        self._drift_before = kept["drift"]

    def answered_in(self, seconds: float) -> None:
        """Count an answer."""
        self.answered.observe(seconds)
        self._part()[1].observe(seconds)

    def failed(self, code: str) -> None:
        """Count a request that was not answered, by the name of its status code."""
        self.errors[code] += 1
        self._part()[2][0] += 1

    def recent(self) -> tuple[Histogram, int, float]:
        """Return the answers and the number of errors of the last minute, and how many seconds that is yet."""
        oldest = int(self._clock() / _PART_SECONDS) - _PARTS + 1
        parts = [part for part in self._parts if part[0] >= oldest]
        seconds = min(max(self._clock() - self._begin, 1.0), WINDOW_SECONDS)
        return Histogram.sum(part[1] for part in parts), sum(part[2][0] for part in parts), seconds

    def counting(self) -> Counting:
        """Return a context that counts what happens in it."""
        return Counting(self)

    def _part(self) -> tuple[int, Histogram, list[int]]:
        number = int(self._clock() / _PART_SECONDS)
        if not self._parts or self._parts[-1][0] != number:
            self._parts = [*self._parts[-_PARTS:], (number, Histogram(), [0])]
        return self._parts[-1]


class Counting:
    """One request: an answer, or a failure where it raises, or where a script's HTTP status tells of one."""

    __slots__ = ("_begin", "_statistics", "status")

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self.status = 200

    def __enter__(self) -> Self:
        self._begin = time.perf_counter()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: Any) -> None:
        if error is not None:
            self._statistics.failed(code_of(error))
        elif self.status >= 400:
            self._statistics.failed(f"HTTP_{self.status // 100}XX")
        else:
            self._statistics.answered_in(time.perf_counter() - self._begin)


def code_of(error: BaseException) -> str:
    """Return the name of an error's status code."""
    if isinstance(error, OrrisError):
        return error.code
    return "INTERNAL" if isinstance(error, Exception) else "CANCELLED"
