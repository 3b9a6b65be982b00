"""Notifications: never lost, never sent twice for nothing, free when nobody watches."""

from __future__ import annotations

import asyncio
import threading

from orris_kit.changes import Changes


async def test_a_notification_before_the_wait_is_not_lost() -> None:
    changes = Changes()
    async with changes.watch("r") as waiter:
        changes.notify("r")
        assert await waiter.wait(timeout=1)


async def test_many_notifications_are_one_wake_up() -> None:
    changes = Changes()
    async with changes.watch("r") as waiter:
        for _ in range(10):
            changes.notify("r")
        assert await waiter.wait(timeout=1)
        assert not await waiter.wait(timeout=0.01)


async def test_every_watcher_of_the_key_is_woken_and_no_other() -> None:
    changes = Changes()
    async with changes.watch("r") as first, changes.watch("r") as second, changes.watch("other") as third:
        changes.notify("r")
        assert await first.wait(timeout=1)
        assert await second.wait(timeout=1)
        assert not await third.wait(timeout=0.01)


async def test_a_thread_may_notify() -> None:
    changes = Changes()
    async with changes.watch("r") as waiter:
        thread = threading.Thread(target=changes.notify, args=("r",))
        thread.start()
        assert await waiter.wait(timeout=5)
        thread.join()


async def test_no_change_is_missed_between_reading_and_waiting() -> None:
    """A watcher that reads after each wake-up sees the last value, however the writer's thread is scheduled."""
    changes, state = Changes(), {"value": 0}

    def count() -> None:
        for value in range(1, 2001):
            state["value"] = value
            changes.notify("r")

    async with changes.watch("r") as waiter:
        thread = threading.Thread(target=count)
        thread.start()
        async with asyncio.timeout(10):
            while state["value"] < 2000:
                assert await waiter.wait(timeout=5)
        thread.join()


async def test_what_nobody_watches_is_forgotten() -> None:
    changes = Changes()
    changes.notify("nobody")
    async with changes.watch("r"):
        pass
    assert not changes._waiters
