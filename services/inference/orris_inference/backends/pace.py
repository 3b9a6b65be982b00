"""Whether a call is so quick that the event loop may wait for it."""

from __future__ import annotations

# Of 64 columns 16 rows: what somebody waits for, not a batch.
SMALL_VALUES = 1024
QUICK_SECONDS = 0.001
# Nothing is known of a new model: some calls apart from the loop must prove it quick.
ASSUMED_SECONDS = 0.004
WEIGHT = 0.25


class Pace:
    """The typical time of a model's small calls: a moving average, so that one hiccup changes nothing."""

    __slots__ = ("_never_quick", "_typical")

    def __init__(self, *, never_quick: bool = False) -> None:
        self._never_quick = never_quick
        self._typical = ASSUMED_SECONDS

    def is_quick(self, values: int) -> bool:
        """Tell whether a call with so many values may run on the loop."""
        return values <= SMALL_VALUES and self._typical < QUICK_SECONDS and not self._never_quick

    def took(self, values: int, seconds: float) -> None:
        """Learn from a call."""
        if values <= SMALL_VALUES:
            self._typical += WEIGHT * (min(seconds, 10 * ASSUMED_SECONDS) - self._typical)
