"""Who takes a blob has one of the slots for a while; nothing of it stays open, however that ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from orris.errors import DeadlineExceeded, NotFound
from orris_artifacts.reading import Reading
from orris_artifacts.sending import Giving
from orris_artifacts.store.spool import HashingSpool

MIB = 1024 * 1024
SECONDS = 30.0
PIECES = [bytes([number]) * MIB for number in range(3)]


class Watched(HashingSpool):
    """A spool that tells when it is closed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.closed = threading.Event()
        for piece in PIECES:
            self.append(piece)

    def close(self) -> None:
        super().close()
        self.closed.set()


class Case:
    """A spool, one slot, and what gives the spool's bytes; `begun` is set, and `go_on` awaited, at the beginning."""

    def __init__(self, folder: Path) -> None:
        self.spool = Watched(folder)
        self.slots = asyncio.Semaphore(1)
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def begin(self) -> Reading:
        self.begun.set()
        assert self.go_on.wait(SECONDS)
        return Reading("ab" * 32, self.spool, 0, None)

    def giving(self, seconds: float = SECONDS) -> Giving:
        return Giving(self.slots, seconds, self.begin)


@pytest.fixture
def case(tmp_path: Path) -> Callable[[], Case]:
    return lambda: Case(tmp_path)


async def test_all_pieces_are_given_in_order(case: Callable[[], Case]) -> None:
    this = case()
    async with this.giving() as giving:
        assert this.slots.locked()
        assert [await giving.next() for _ in range(5)] == [*PIECES, None, None]
    assert this.spool.closed.is_set()
    assert not this.slots.locked()


async def test_who_leaves_in_the_middle_leaves_nothing_open(case: Callable[[], Case]) -> None:
    this = case()
    with pytest.raises(ZeroDivisionError):
        async with this.giving() as giving:
            await giving.next()
            raise ZeroDivisionError
    assert this.spool.closed.is_set()
    assert not this.slots.locked()


async def test_who_is_late_loses_slot_and_bytes_at_once_and_learns_it_later(case: Callable[[], Case]) -> None:
    """gRPC lets a call wait for a client that reads nothing: in the middle of it, as here."""
    this = case()
    async with this.giving(seconds=0.1) as giving:
        assert await giving.next() == PIECES[0]
        async with asyncio.timeout(SECONDS):
            await this.slots.acquire()
            assert await asyncio.to_thread(this.spool.closed.wait, SECONDS)
        for _ in range(2):
            with pytest.raises(DeadlineExceeded, match=r"0\.1 s"):
                await giving.next()
    assert this.slots.locked(), "given back twice"


async def test_who_is_late_before_the_first_piece_has_nothing_open_afterwards(case: Callable[[], Case]) -> None:
    this = case()
    this.go_on.clear()
    with pytest.raises(DeadlineExceeded):
        async with this.giving(seconds=0.05) as giving:
            first = asyncio.ensure_future(giving.next())
            await this.slots.acquire()
            this.go_on.set()
            await first
    assert this.spool.closed.is_set()
    assert this.slots.locked(), "given back twice"


async def test_who_leaves_while_it_is_being_opened_leaves_nothing_open(case: Callable[[], Case]) -> None:
    this = case()
    this.go_on.clear()

    async def take() -> None:
        async with this.giving() as giving:
            await giving.next()

    taking = asyncio.ensure_future(take())
    assert await asyncio.to_thread(this.begun.wait, SECONDS)
    taking.cancel()
    this.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert this.spool.closed.is_set()
    assert not this.slots.locked()


async def test_what_cannot_be_begun_gives_back_the_slot() -> None:
    def begin() -> Reading:
        raise NotFound("not there")

    slots = asyncio.Semaphore(1)
    with pytest.raises(NotFound):
        async with Giving(slots, SECONDS, begin) as giving:
            await giving.next()
    assert not slots.locked()


def test_a_reading_that_is_taken_to_its_end_is_closed(tmp_path: Path) -> None:
    with closing(Watched(tmp_path)) as spool:
        reading = Reading("ab" * 32, spool, MIB, None)
        assert list(reading) == PIECES[1:]
        assert spool.closed.is_set()
