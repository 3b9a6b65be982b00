"""Runs are noted before they are referred for, many in one transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import Any

from orris.names import RunName
from orris_kit.database import DatabaseUnavailable
from orris_runs.references import Noting


class Notes:
    """Batches that are written while `gate` is open; `refused`: those that fail first."""

    def __init__(self, refused: int = 0) -> None:
        self.batches: list[set[str]] = []
        self.gate = threading.Event()
        self._refused = refused

    def write(self, names: Iterable[RunName]) -> None:
        self.batches.append({each.run for each in names})
        assert self.gate.wait(10)
        if len(self.batches) <= self._refused:
            raise DatabaseUnavailable("away")


async def noted(notes: Notes) -> list[Any]:
    """Note one run, and while that is written three more."""
    noting = Noting(notes.write)
    first = asyncio.create_task(noting.begin(RunName("lab", "r0")))
    while not notes.batches:  # noqa: ASYNC110  # a thread has no event for it
        await asyncio.sleep(0)
    more = [asyncio.create_task(noting.begin(RunName("lab", f"r{number}"))) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    notes.gate.set()
    return await asyncio.gather(first, *more, return_exceptions=True)


async def test_those_who_submit_at_the_same_time_are_noted_together() -> None:
    notes = Notes()
    assert await noted(notes) == [None] * 4
    assert notes.batches == [{"r0"}, {"r1", "r2", "r3"}]


async def test_who_could_not_be_noted_is_told_and_the_others_are_noted() -> None:
    notes = Notes(refused=2)
    told = await noted(notes)
    assert [isinstance(each, DatabaseUnavailable) for each in told] == [True, True, False, False]
    assert notes.batches == [{"r0"}, {"r1", "r2", "r3"}, {"r2", "r3"}]
