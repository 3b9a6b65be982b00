"""Blocking generators beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import aclosing

import pytest

from orris_kit.blocking import iterate_blocking


async def test_each_step_runs_in_a_thread() -> None:
    def steps() -> Generator[bool, None, None]:
        for _ in range(3):
            yield threading.current_thread() is threading.main_thread()

    assert [step async for step in iterate_blocking(steps())] == [False] * 3


async def test_an_error_of_a_step_is_raised() -> None:
    def steps() -> Generator[int, None, None]:
        yield 1
        raise KeyError("absent")

    seen = []
    with pytest.raises(KeyError):
        async for step in iterate_blocking(steps()):
            seen.append(step)  # noqa: PERF401  # what came before the error counts
    assert seen == [1]


async def test_left_early_it_is_closed() -> None:
    closed = threading.Event()

    def steps() -> Generator[int, None, None]:
        try:
            yield from range(5)
        finally:
            closed.set()

    async with aclosing(iterate_blocking(steps())) as stepping:
        async for step in stepping:
            if step == 2:
                break
    assert closed.is_set()


async def test_canceled_it_is_closed_when_its_step_has_ended() -> None:
    began, go_on = threading.Event(), threading.Event()
    said: list[str] = []

    def steps() -> Generator[int, None, None]:
        try:
            began.set()
            go_on.wait()
            said.append("step ended")
            yield 1
        finally:
            said.append("closed")

    async def consume() -> None:
        said.extend([f"seen {step}" async for step in iterate_blocking(steps())])

    task = asyncio.create_task(consume())
    await asyncio.to_thread(began.wait)
    task.cancel()
    asyncio.get_running_loop().call_soon(go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert said == ["step ended", "closed"]
