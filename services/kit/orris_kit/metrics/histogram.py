"""How long things took, in buckets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

# Seconds. A prediction by a graph takes less than a millisecond, a stream may stay open for hours.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Histogram:
    """Counts by bucket: `counts[i]` is of those up to BOUNDS[i] and over the bound before; the last, of all others."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """Return an estimate of the quantile in seconds, by interpolation in its bucket; None of nothing.

        As Prometheus's histogram_quantile; what took longer than the last bound is told as that bound.
        """
        rank = share * self.count
        if not rank:
            return None
        before = 0
        for index, count in enumerate(self.counts[:-1]):
            if count and before + count >= rank:
                low = BOUNDS[index - 1] if index else 0.0
                return low + (BOUNDS[index] - low) * (rank - before) / count
            before += count
        return BOUNDS[-1]

    @classmethod
    def sum(cls, parts: Iterable[Histogram]) -> Histogram:
        """Return one with all that the parts have."""
        whole = cls()
        for part in parts:
            whole.counts = [a + b for a, b in zip(whole.counts, part.counts, strict=True)]
            whole.total += part.total
        return whole
