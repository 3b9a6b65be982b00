"""Start, stop, threads, small files."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orris_kit.blocking import run_blocking
from orris_kit.context import Call, current_request_id, enter_call
from orris_kit.files import create_once, replace
from orris_kit.lifecycle import Stages, settle, stop_signals


async def test_stages_are_closed_in_reverse() -> None:
    said: list[str] = []

    @contextmanager
    def resource(name: str) -> Iterator[str]:
        said.append(f"+{name}")
        yield name
        said.append(f"-{name}")

    async with Stages("runs") as stages:
        assert await stages.enter("database", resource("database")) == "database"
        stages.on_stop("queue", said.append, "-queue")
        await stages.enter("channels", resource("channels"))
    assert said == ["+database", "+channels", "-channels", "-queue", "-database"]


async def test_a_stage_that_fails_to_open_closes_those_before() -> None:
    said: list[str] = []

    @contextmanager
    def broken() -> Iterator[None]:
        raise KeyError("broken")
        yield

    with pytest.raises(KeyError):
        async with Stages("runs") as stages:
            stages.on_stop("database", said.append, "closed")
            await stages.enter("broken", broken())
    assert said == ["closed"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_to_stop_instead_of_ending_the_process(number: int) -> None:
    async with stop_signals() as stopping:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stopping.wait(), 5)


async def test_blocking_code_runs_beside_the_loop_under_the_callers_context() -> None:
    enter_call(Call("/m", "r-1"))
    assert await run_blocking(
        lambda: (threading.current_thread() is threading.main_thread(), current_request_id())
    ) == (
        False,
        "r-1",
    )


async def test_an_error_of_blocking_code_is_raised() -> None:
    absent: dict[str, str] = {}
    with pytest.raises(KeyError):
        await run_blocking(absent.__getitem__, "absent")


def test_the_first_to_create_a_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    assert create_once(path, b"first")
    assert not create_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_replaced_file_has_the_new_content_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "key"
    replace(path, b"first")
    replace(path, b"second", mode=0o644)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"second", 0o644)
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_there_when_a_service_has_started_is_not_looked_at_again_and_what_comes_is() -> None:
    before = gc.get_threshold()
    try:
        settle()
        assert gc.get_freeze_count() > 0
        loop: list[object] = []
        loop.append(loop)
        del loop
        assert gc.collect() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
