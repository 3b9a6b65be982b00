"""Blocking functions and generators beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import aclosing

import pytest

from orris_kit.blocking import iterate_blocking, run_blocking


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


async def test_many_calls_answer_their_own_callers() -> None:
    def call(number: int) -> int:
        if number % 3 == 0:
            raise KeyError(number)
        return number

    answers = await asyncio.gather(*(run_blocking(call, number) for number in range(200)), return_exceptions=True)
    assert [str(answer) for answer in answers] == [str(number) for number in range(200)]


async def test_who_is_canceled_is_not_answered_and_others_are() -> None:
    go_on = threading.Event()
    canceled = asyncio.ensure_future(run_blocking(go_on.wait, 5))
    await asyncio.sleep(0)
    canceled.cancel()
    go_on.set()
    assert await run_blocking(lambda: 1) == 1
    with pytest.raises(asyncio.CancelledError):
        await canceled


async def test_the_end_of_an_iterator_is_an_error_and_holds_nobody_up() -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await run_blocking(next, iter(()))
    assert await run_blocking(lambda: 1) == 1


def test_a_loop_that_is_over_does_not_trouble_a_thread() -> None:
    go_on, ended = threading.Event(), threading.Event()

    def call() -> None:
        go_on.wait(5)
        ended.set()

    async def leave() -> None:
        asyncio.ensure_future(run_blocking(call)).cancel()
        waiting = asyncio.ensure_future(run_blocking(call))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(leave())
    go_on.set()
    assert ended.wait(5)
    assert asyncio.run(run_blocking(lambda: 1)) == 1
