"""So many programs at a time, and who waits comes in turn."""

from __future__ import annotations

import asyncio

import pytest

from orris_agent.places import Place, Places

SECONDS = 60.0


async def test_who_waits_comes_in_turn() -> None:
    places, order = Places(1), list[str]()
    first = Place(places)
    assert await first.take(0)

    async def come(name: str) -> None:
        place = Place(places)
        assert await place.take(SECONDS)
        order.append(name)
        await asyncio.sleep(0)
        place.leave()

    waiting = [asyncio.create_task(come(name)) for name in "abc"]
    await asyncio.sleep(0)
    assert order == []
    first.leave()
    await asyncio.gather(*waiting)
    assert order == ["a", "b", "c"]
    assert await first.take(0)


async def test_who_has_waited_for_long_enough_takes_none() -> None:
    places = Places(1)
    first, second = Place(places), Place(places)
    assert await first.take(0)
    assert not await second.take(0)
    second.leave()  # what it does not have
    assert not await second.take(0)
    first.leave()
    assert await second.take(0)


async def test_a_place_is_given_back_once() -> None:
    places = Places(1)
    first, second = Place(places), Place(places)
    assert await first.take(0)
    for _ in range(2):
        first.leave()
    assert await second.take(0)
    assert not await Place(places).take(0)


async def test_programs_that_are_there_already_take_places_that_are_not() -> None:
    places = Places(1)
    there = [Place(places), Place(places)]
    for each in there:
        each.occupy()
    there[0].leave()
    assert not await Place(places).take(0)
    there[1].leave()
    assert await Place(places).take(0)


@pytest.mark.parametrize("given", [False, True], ids=["waiting", "given"])
async def test_who_waits_and_is_canceled_has_none(given: bool) -> None:
    places = Places(1)
    first = Place(places)
    assert await first.take(0)
    waiting = asyncio.create_task(Place(places).take(SECONDS))
    await asyncio.sleep(0)
    if given:
        first.leave()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not given:
        first.leave()
    assert await Place(places).take(0)


async def test_without_places_there_is_always_one() -> None:
    place = Place()
    assert await place.take(0)
    place.leave()
