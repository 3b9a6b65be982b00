"""The engine goes away and comes back, in the middle of runs and before them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris_agent.control import boottime
from orris_agent.folder import RunFolder
from orris_agent.runtimes.docker.container import name_of
from orris_agent.runtimes.port import Ending, NotNowError
from tests.servers.docker import Engine
from tests.servers.runtimes import Machine

pytestmark = pytest.mark.needs("docker")


@pytest.fixture
def restored(engine: Engine) -> Iterator[Engine]:
    """The engine, which is as it was when the test is over."""
    yield engine
    engine.stop()
    engine.start()


@pytest.fixture
def machine(engine: Engine, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "agent", engine.host)


@pytest.fixture
async def run(restored: Engine, machine: Machine) -> RunFolder:
    """A run that has said that it is ready and goes on until there is a file `end`."""
    lease, folder = machine.run("/bin/sh", "-c", "echo ready; until [ -e end ]; do sleep 0.1; done; exit 5")
    await machine.runtime().start(lease, folder)
    async with asyncio.timeout(60):
        while not (folder.std_log.exists() and folder.std_log.read_text()):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)
    return folder


async def ending(machine: Machine, folder: RunFolder) -> Ending:
    async with asyncio.timeout(100):
        return await machine.runtime().wait(folder)


async def test_an_engine_that_is_shut_down_ends_runs_and_it_is_said(
    restored: Engine, machine: Machine, run: RunFolder
) -> None:
    waiting = asyncio.ensure_future(ending(machine, run))
    await asyncio.to_thread(restored.stop)
    await asyncio.to_thread(restored.start)
    how = await waiting
    assert how.exit is None
    assert "the container engine was shut down" in how.lost
    assert "live-restore" in how.lost
    await machine.runtime().end(run)


async def test_an_engine_that_crashes_ends_runs_when_it_is_back(
    restored: Engine, machine: Machine, run: RunFolder
) -> None:
    waiting = asyncio.ensure_future(ending(machine, run))
    await asyncio.to_thread(restored.kill)
    await asyncio.to_thread(restored.start)
    how = await waiting
    assert how.exit is None
    assert "from outside" in how.lost
    await machine.runtime().end(run)


async def test_nothing_is_done_while_the_engine_is_away_and_all_of_it_when_it_is_back(
    restored: Engine, machine: Machine
) -> None:
    lease, folder = machine.run("true")
    runtime = machine.runtime()
    await asyncio.to_thread(restored.stop)
    with pytest.raises(NotNowError, match="waits for the container engine"):
        await runtime.is_ready(lease)
    with pytest.raises(NotNowError, match="waits for the container engine"):
        await runtime.start(lease, folder)
    removing = asyncio.ensure_future(runtime.end(folder))
    await asyncio.sleep(0)
    assert not removing.done()
    await asyncio.to_thread(restored.start)
    await removing
    assert await runtime.is_ready(lease)
    await runtime.start(lease, folder)
    how = await ending(machine, folder)
    assert how.exit is not None
    assert how.exit.exit_code == 0
    await runtime.end(folder)


async def test_a_run_goes_on_under_an_engine_that_lets_it(restored: Engine, machine: Machine) -> None:
    await asyncio.to_thread(restored.stop)
    await asyncio.to_thread(restored.start, "--live-restore")
    lease, folder = machine.run("/bin/sh", "-c", "until [ -e end ]; do sleep 0.1; done; exit 5")
    await machine.runtime().start(lease, folder)
    waiting = asyncio.ensure_future(ending(machine, folder))
    await asyncio.to_thread(restored.kill)
    await asyncio.to_thread(restored.start, "--live-restore")
    assert restored.client.containers.get(name_of(lease.id)).status == "running"
    (folder.work / "end").touch()
    how = await waiting
    assert how.exit is not None
    assert how.exit.exit_code == 5
    await machine.runtime().end(folder)


async def test_a_run_whose_agent_and_engine_are_away_ends_with_its_lease(restored: Engine, machine: Machine) -> None:
    await asyncio.to_thread(restored.stop)
    await asyncio.to_thread(restored.start, "--live-restore")
    lease, folder = machine.run("sleep", "600")
    machine.runtime().extend(folder, boottime() + 600)
    await machine.runtime().start(lease, folder)
    await asyncio.to_thread(restored.kill)
    machine.runtime().extend(folder, boottime())
    async with asyncio.timeout(30):
        while not (folder.own / "exit.json").exists():  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.05)
    await asyncio.to_thread(restored.start, "--live-restore")
    how = await ending(machine, folder)
    assert how.exit is not None
    assert how.exit.reason == "lease_lost"
    await machine.runtime().end(folder)
