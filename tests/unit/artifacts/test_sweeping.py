"""Garbage is collected now and then, and when somebody asks; whoever leaves stops it."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from orris.errors import Unavailable
from orris_artifacts.collecting import reports_of
from orris_artifacts.core import Artifacts
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.store.port import StoredObject
from orris_artifacts.sweeping import FIRST_WITHIN_SECONDS, sweep, sweep_beside
from orris_kit.context import Call, enter_call
from tests.unit.artifacts.conftest import Clock
from tests.unit.artifacts.planting import DAY, collect, digest_of, objects, plant, put

INTERVAL = timedelta(hours=6)


class Enough(Exception):
    """Ends what would go on for ever."""


def pauses(clock: Clock, most: int) -> tuple[list[float], Callable[[float], Awaitable[None]]]:
    """Return the pauses that were taken, and how to take one: time passes at once."""
    taken: list[float] = []

    async def pause(seconds: float) -> None:
        if len(taken) == most:
            raise Enough
        taken.append(seconds)
        clock.turn(seconds=seconds)

    return taken, pause


async def test_every_workspace_is_collected_again_and_again(
    core: Artifacts, store: FolderStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    put(core, b"one")
    core.blobs.put("lab2", digest_of(b"two"), b"two")
    taken, pause = pauses(clock, 6)
    with pytest.raises(Enough), caplog.at_level(logging.INFO):
        await sweep(core, DAY, INTERVAL, pause)
    assert 0 <= taken[0] <= FIRST_WITHIN_SECONDS
    assert taken[1:] == [INTERVAL.total_seconds()] * 5
    assert list(store.list("")) == []
    told = [record for record in caplog.records if record.getMessage() == "garbage collected"]
    assert len(told) == 2 * 6


async def test_each_round_begins_with_what_killed_processes_left(core: Artifacts, store: FolderStore) -> None:
    """A service that runs for months must not keep until its end what others left half written."""
    left = [Path(store.place.removeprefix("the folder ")) / ".incoming" / name for name in ("first", "second")]

    async def pause(seconds: float) -> None:
        assert not any(each.exists() for each in left)
        if not rounds:
            raise Enough
        path = rounds.pop()
        path.write_bytes(b"half")
        os.utime(path, (1, 1))

    rounds = [*left]
    with pytest.raises(Enough):
        await sweep(core, DAY, INTERVAL, pause)


async def test_what_another_process_has_collected_lately_is_left_to_it(core: Artifacts, clock: Clock) -> None:
    put(core, b"one")
    collected = []
    collect(core)
    _, pause = pauses(clock, 1)

    def note(*args: object, **more: object) -> Iterator[None]:
        collected.append(args)
        yield from ()

    core.garbage.collect = note  # type: ignore[assignment, method-assign]
    with pytest.raises(Enough):
        await sweep(core, DAY, INTERVAL, pause)
    assert collected == []


async def test_what_fails_is_told_and_tried_again(
    core: Artifacts,
    store: FolderStore,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plant(core, b"one")
    core.blobs.put("lab2", digest_of(b"two"), b"two")
    clock.turn(days=2)
    deleting = store.delete

    def fail_once(keys: Iterable[str]) -> None:
        monkeypatch.setattr(store, "delete", deleting)
        raise Unavailable("the store does not answer", reason="STORE_UNREACHABLE")

    monkeypatch.setattr(store, "delete", fail_once)
    with pytest.raises(Enough):
        await sweep(core, DAY, INTERVAL, pauses(clock, 1)[1])
    (told,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert told.getMessage() == "garbage was not collected to the end"
    assert [each.key.partition("/")[0] for each in store.list("")] == ["lab"]
    with pytest.raises(Enough):
        await sweep(core, DAY, INTERVAL, pauses(clock, 1)[1])
    assert list(store.list("")) == []


async def test_a_stop_waits_for_one_step(
    core: Artifacts, store: FolderStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(core, b"one")
    clock.turn(days=2)
    listing = store.list
    began, go_on = threading.Event(), threading.Event()

    def list_slowly(prefix: str) -> Iterator[StoredObject]:
        began.set()
        go_on.wait()
        yield from listing(prefix)

    monkeypatch.setattr(store, "list", list_slowly)
    async with AsyncExitStack() as stack:
        sweep_beside(stack, core, DAY, timedelta(0))
        await asyncio.to_thread(began.wait)
        asyncio.get_running_loop().call_soon(go_on.set)
    assert objects(store) == []
    assert core.storage.storage("lab").collect_time is None
    collect(core)  # the lease was given back


async def test_who_asks_is_told_of_progress_and_the_end(core: Artifacts, clock: Clock) -> None:
    enter_call(Call("/m", "r", draining=asyncio.Event()))
    plant(core, b"one", b"two")
    clock.turn(days=2)
    reports = [report async for report in reports_of(core.garbage.collect("lab", DAY))]
    numbers = [(each.garbage.tree_count, each.garbage.blob_count, each.garbage.object_count) for each in reports]
    assert numbers == [(1, 0, 0), (1, 2, 0), (1, 2, 2), (1, 2, 2)]
    assert [each.done for each in reports] == [False, False, False, True]


async def test_who_leaves_stops_it(core: Artifacts, store: FolderStore, clock: Clock) -> None:
    enter_call(Call("/m", "r", draining=asyncio.Event()))
    plant(core, b"one", b"two")
    clock.turn(days=2)
    async with aclosing(reports_of(core.garbage.collect("lab", DAY))) as reports:
        assert (await anext(reports)).garbage.tree_count == 1
    assert len(objects(store)) == 2
    assert collect(core).blobs == 2


async def test_a_server_that_stops_does_not_wait_for_it(core: Artifacts, clock: Clock) -> None:
    draining = asyncio.Event()
    enter_call(Call("/m", "r", draining=draining))
    plant(core, b"one", b"two")
    clock.turn(days=2)
    with pytest.raises(Unavailable) as caught:
        async for _ in reports_of(core.garbage.collect("lab", DAY)):
            draining.set()
    assert caught.value.reason == "SERVER_DRAINING"
    assert core.storage.storage("lab").collect_time is None
    collect(core)  # the lease was given back
