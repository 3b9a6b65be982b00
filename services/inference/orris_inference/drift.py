"""Whether what is sent is like the sample that a model was registered with: counts by column, no values.

A request costs an append. What came within a second is counted together, apart from the loop: at most ROWS_AT_ONCE rows
of it, so that it costs little however much comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orris_inference.reference import Counts, Reference
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

WINDOW_SECONDS = 3600
PART_SECONDS = 300
PARTS = WINDOW_SECONDS // PART_SECONDS
COUNT_AFTER_SECONDS = 1.0
ROWS_AT_ONCE = 2000
ENOUGH_ROWS = 20

log = get_logger(__name__)
# Rows in the order of the columns, or tensors: one table, or one for each column by its name.
Batch = Sequence[Sequence[Any]] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """A column's values in the window. `index`: None while there are too few to tell."""

    column: str
    index: float | None
    values: int
    missing: int


class Drift:
    """What came within the last hour, compared with a sample. `offer` is the loop's."""

    window_seconds = WINDOW_SECONDS

    def __init__(
        self, reference: Reference, clock: Callable[[], float] = time.time, after: float = COUNT_AFTER_SECONDS
    ) -> None:
        self.reference = reference
        self._after = after
        self._clock = clock
        self._waiting: list[tuple[Batch, int]] = []
        self._room = ROWS_AT_ONCE
        self._counting: asyncio.Task[None] | None = None
        self._parts: list[tuple[int, Counts]] = []

    def offer(self, batch: Batch) -> None:
        """Have a request's input counted soon; what is more than can be is left out."""
        if self._room <= 0:
            return
        self._waiting.append((batch, self._room))
        self._room -= len(next(iter(batch.values()), ())) if isinstance(batch, Mapping) else len(batch)
        if self._counting is None:
            self._counting = asyncio.get_running_loop().create_task(self._count_soon())

    async def settled(self) -> None:
        """Wait until what was offered is counted."""
        if self._counting is not None:
            await self._counting

    def columns(self) -> list[ColumnDrift]:
        """Return how each column of the last hour compares with the sample."""
        counts = self._recent()
        enough = self.reference.rows >= ENOUGH_ROWS
        return [
            ColumnDrift(
                column.name,
                stability_index(column.shares, each[:-1]) if enough and each[:-1].sum() >= ENOUGH_ROWS else None,
                int(each.sum()),
                int(each[-1]),
            )
            for column, each in zip(self.reference.columns, counts, strict=True)
        ]

    def kept(self) -> dict[str, Any]:
        """Return what was counted, for JSON."""
        parts = [[number, [each.tolist() for each in counts]] for number, counts in self._parts]
        return {"sample": self.reference.digest, "parts": parts}

    def take_up(self, kept: dict[str, Any]) -> None:
        """Go on with what `kept` returned, if it was counted against the same sample."""
        if kept["sample"] == self.reference.digest:
            self._parts = [(number, [np.array(each) for each in counts]) for number, counts in kept["parts"]]

    @property
    def rows(self) -> int:
        """How many rows were counted in the last hour."""
        return max((int(each.sum()) for each in self._recent()), default=0)

    def _recent(self) -> Counts:
        oldest = int(self._clock() / PART_SECONDS) - PARTS + 1
        total = self.reference.no_counts()
        for number, counts in list(self._parts):
            if number >= oldest:
                total = [a + b for a, b in zip(total, counts, strict=True)]
        return total

    async def _count_soon(self) -> None:
        await asyncio.sleep(self._after)
        waiting, self._waiting, self._room, self._counting = self._waiting, [], ROWS_AT_ONCE, None
        try:
            counts = await run_blocking(self.reference.counts_of, waiting)
        except Exception:
            log.exception("inputs could not be compared with the sample")
            return
        number = int(self._clock() / PART_SECONDS)
        if self._parts and self._parts[-1][0] == number:
            counts = [a + b for a, b in zip(self._parts.pop()[1], counts, strict=True)]
        self._parts = [*self._parts[1 - PARTS :], (number, counts)]


def stability_index(shares: Any, counts: Any) -> float:
    """Return the population stability index of counts by bin against a sample's shares of the bins.

    Each bin is given half a value more, so that an empty one does not make it infinite. N. Siddiqi, Credit Risk
    Scorecards (2006): below 0.1 no change to speak of, above 0.25 a shift.
    """
    sent = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return float(np.sum((sent - shares) * np.log(sent / shares)))
