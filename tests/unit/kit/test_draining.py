"""A stream whose caller goes away leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from orris_kit.context import Call, enter_call
from orris_kit.draining import until_draining


async def test_a_caller_that_goes_just_as_the_source_ends_leaves_no_error() -> None:
    """The caller of a watch has what it wanted with the last message, and hangs up while the source ends."""
    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: told.append(context))
    may_end = asyncio.Event()

    async def source() -> AsyncIterator[int]:
        yield 1
        await may_end.wait()

    async def watch() -> None:
        enter_call(Call("/watch", "1", draining=asyncio.Event()))
        async for _ in until_draining(source()):
            pass

    try:
        for turns in range(8):  # at each turn of the loop between the end of the source and that of the stream
            may_end.clear()
            watching = asyncio.create_task(watch())
            await asyncio.sleep(0.001)
            may_end.set()
            for _ in range(turns):
                await asyncio.sleep(0)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            del watching
            gc.collect()
    finally:
        loop.set_exception_handler(before)
    assert not told
