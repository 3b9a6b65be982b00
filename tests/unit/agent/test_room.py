"""Who has to go when launchers and waiting containers are too many, or too large together."""

from __future__ import annotations

import pytest

from orris_agent.runtimes.warm.room import Limits, Room


class Guest:
    """One that says when it has gone."""

    def __init__(self, room: Room, used: float, memory: int = 10) -> None:
        self.used, self.memory, self.gone = used, memory, False
        self._room = room

    def go(self) -> None:
        self.gone = True
        self._room.leave(self)


@pytest.mark.parametrize(
    ("limits", "gone"),
    [
        (Limits(number=4), [False, False, False, False]),
        (Limits(number=2), [True, True, False, False]),
        (Limits(memory=25), [True, True, False, False]),
        (Limits(number=0), [True, True, True, False]),
        (Limits(memory=1), [True, True, True, False]),
    ],
)
async def test_those_used_least_recently_go_and_never_the_one_that_is_needed_now(
    limits: Limits, gone: list[bool]
) -> None:
    room = Room(limits)
    guests = [Guest(room, used=1e12 + number) for number in range(4)]
    for guest in guests:
        room.enter(guest)
    assert [guest.gone for guest in guests] == gone


async def test_one_that_grows_makes_others_go_when_it_is_used() -> None:
    room = Room(Limits(memory=25))
    small, large = Guest(room, used=1e12 + 1), Guest(room, used=1e12)
    room.enter(small)
    room.enter(large)
    assert not small.gone
    large.memory = 20
    room.bound(large)
    assert (small.gone, large.gone) == (True, False)
