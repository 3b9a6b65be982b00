"""RPCs that this process answers: how many, how long they took, how many are open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from orris_kit.metrics.families import Distribution, Family
from orris_kit.metrics.histogram import Histogram


class Calls:
    """Counts calls by method and status code. Methods are those that are served, so both are few."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, str], Histogram] = {}
        self._open: Counter[str] = Counter()

    def begun(self, method: str) -> None:
        """Count a call that has come."""
        self._open[method] += 1

    def ended(self, method: str, code: str, seconds: float) -> None:
        """Count a call that is over."""
        self._open[method] -= 1
        histogram = self._seconds.get((method, code))
        if histogram is None:
            histogram = self._seconds.setdefault((method, code), Histogram())
        histogram.observe(seconds)

    def families(self) -> Iterator[Family | Distribution]:
        """Give what was counted."""
        labels = ("method", "code")
        yield Distribution("orris_rpc_seconds", "RPCs answered, and how long they took.", labels, dict(self._seconds))
        opened = {(method,): float(count) for method, count in list(self._open.items())}
        yield Family("orris_rpc_open", "RPCs being answered now, open streams included.", ("method",), opened)


CALLS = Calls()
