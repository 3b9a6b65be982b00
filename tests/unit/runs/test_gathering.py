"""What several ask for at the same time is done in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from orris.errors import NotFound, Unavailable
from orris_runs.gathering import Gathering


class Work:
    """Calls that end while `gate` is open. `missing` cannot be done; while `down`, nothing can."""

    def __init__(self, missing: Collection[str] = (), down: bool = False) -> None:
        self.calls: list[list[str]] = []
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        self._missing = missing
        self.down = down

    async def act(self, wanted: Sequence[str]) -> None:
        self.calls.append(list(wanted))
        self.begun.set()
        await self.gate.wait()
        if self.down:
            raise Unavailable("away")
        for each in wanted:
            if each in self._missing:
                raise NotFound(f"no {each}")


async def gathered(work: Work, gone: Collection[str] = ()) -> list[Any]:
    """Ask for one thing, and while that is done for three more; those who are `gone` stop waiting."""
    gathering = Gathering(work.act)
    asked = {"a": asyncio.create_task(gathering.do("a"))}
    await work.begun.wait()
    asked |= {each: asyncio.create_task(gathering.do(each)) for each in "bcd"}
    await asyncio.sleep(0)
    for each in gone:
        asked[each].cancel()
    work.gate.set()
    return await asyncio.gather(*asked.values(), return_exceptions=True)


async def test_what_comes_at_the_same_time_is_done_together() -> None:
    work = Work()
    assert await gathered(work) == [None] * 4
    assert work.calls == [["a"], ["b", "c", "d"]]


async def test_what_cannot_be_done_keeps_nobody_else_from_it() -> None:
    work = Work(missing="c")
    told = await gathered(work)
    assert [str(each) for each in told] == ["None", "None", "no c", "None"]
    assert work.calls == [["a"], ["b", "c", "d"], ["b"], ["c"], ["d"]]


async def test_where_nothing_can_be_done_all_are_told_and_it_is_not_tried_one_by_one() -> None:
    work = Work(down=True)
    told = await gathered(work)
    assert [type(each) for each in told] == [Unavailable] * 4
    assert work.calls == [["a"], ["b", "c", "d"]]


async def test_who_stops_waiting_holds_up_nobody() -> None:
    """The first has the turn, the second leads the next ones."""
    work = Work()
    told = await gathered(work, gone="ab")
    assert [type(each) for each in told] == [asyncio.CancelledError, asyncio.CancelledError, type(None), type(None)]
    assert work.calls == [["a"], ["c", "d"]]
