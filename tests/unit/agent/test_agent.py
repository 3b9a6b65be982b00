"""What an agent executes follows the stream of its leases."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from orris.errors import Unavailable
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent import agent
from orris_agent.agent import Agent
from orris_agent.control import boottime
from orris_agent.folder import RunFolder, RunFolders
from orris_agent.lease_clock import LeaseClock
from orris_agent.runtimes.choice import Runtimes
from orris_agent.runtimes.process.runtime import ProcessRuntime
from tests.servers.small_disk import fill


class Server:
    """Stands in for the `runs` service: sends what a test puts into `messages`."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[agents.WatchLeasesResponse] = asyncio.Queue()
        self.unavailable = 0
        self.drained: list[str] = []
        self.finished: list[agents.FinishRunRequest] = []

    async def FinishRun(self, request: agents.FinishRunRequest) -> agents.FinishRunResponse:
        self.finished.append(request)
        return agents.FinishRunResponse()

    async def DrainAgent(self, request: agents.DrainAgentRequest, timeout: float) -> agents.DrainAgentResponse:
        if self.unavailable:
            self.unavailable -= 1
            raise Unavailable("starting")
        self.drained.append(request.reason)
        return agents.DrainAgentResponse()

    async def RegisterAgent(self, request: agents.RegisterAgentRequest) -> agents.RegisterAgentResponse:
        if self.unavailable:
            self.unavailable -= 1
            raise Unavailable("starting")
        response = agents.RegisterAgentResponse(agent=request.agent)
        response.lease_duration.FromSeconds(3600)
        return response

    async def WatchLeases(self, request: agents.WatchLeasesRequest) -> AsyncIterator[agents.WatchLeasesResponse]:
        while True:
            yield await self.messages.get()


class FakeExecution:
    """Stands in for the execution of a run: goes on until it is canceled."""

    def __init__(self, lease: agents.Lease, folder: RunFolder) -> None:
        self.lease, self.folder = lease, folder
        self.canceled = asyncio.Event()
        self.deadline: float | None = None

    async def run(self) -> None:
        await self.canceled.wait()

    def cancel(self) -> None:
        self.canceled.set()

    def extend(self, deadline: float) -> None:
        self.deadline = deadline


class Containers:
    """Stands in for a runtime whose engine takes its time: an end is begun, and done when a test says so."""

    def __init__(self) -> None:
        self.begun: list[str | None] = []
        self.held: list[set[str]] = []
        self.tidied = 0
        self.engine_is_back = asyncio.Event()

    async def end(self, folder: RunFolder) -> None:
        self.begun.append(folder.lease_id())
        await self.engine_is_back.wait()

    async def end_others(self, held: set[str]) -> None:
        self.held.append(held)

    async def tidy(self) -> None:
        self.tidied += 1
        await asyncio.sleep(0)
        raise RuntimeError("the engine is in a mood")


class World:
    """An agent with its server and what it executes."""

    def __init__(self, root: Path) -> None:
        self.server = Server()
        self.executions: dict[str, FakeExecution] = {}
        self.folders = RunFolders(root / "runs")
        identity = agents.Agent(name="agents/a")
        process: Any = ProcessRuntime(None, {})  # type: ignore[arg-type]
        self.containers = Containers()
        offered = (runs.ISOLATION_PROCESS, runs.ISOLATION_CONTAINER)
        runtimes = Runtimes(process, self.containers, offered)  # type: ignore[arg-type]
        self.asleep = 0.0
        self.agent = Agent(
            self.server,  # type: ignore[arg-type]
            identity,
            self.folders,
            runtimes,
            self._execution,
            LeaseClock(self.now),
        )

    def now(self) -> float:
        return boottime() + self.asleep

    def _execution(self, lease: agents.Lease, folder: RunFolder) -> Any:
        self.executions[lease.id] = FakeExecution(lease, folder)
        return self.executions[lease.id]

    async def send(self, *leases: agents.Lease, all_of_them: bool = False, clock: float = 0.0) -> None:
        message = agents.WatchLeasesResponse(leases=leases, all=all_of_them)
        message.clock.FromMicroseconds(int(clock * 1e6))
        await self.server.messages.put(message)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():  # noqa: ASYNC110  # many things can make it true
                await asyncio.sleep(0)


def lease(
    number: int, *, cancel: bool = False, isolation: runs.Isolation.ValueType = runs.ISOLATION_UNSPECIFIED
) -> agents.Lease:
    name = f"workspaces/main/runs/e_1_0000000{number}"
    run = runs.Run(name=name, experiment="workspaces/main/experiments/e", isolation=isolation)
    result = agents.Lease(id=f"l{number}", run=run, cancel=cancel)
    result.duration.FromSeconds(30)
    return result


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    task = asyncio.create_task(made.agent.run())
    yield made
    task.cancel()
    for execution in made.executions.values():
        execution.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_lease_is_executed_once_however_often_it_is_sent(world: World) -> None:
    await world.send(lease(1))
    await world.send(lease(1))
    await world.send(lease(2))
    await world.until(lambda: len(world.executions) == 2)
    assert world.executions["l1"].deadline is not None


async def test_a_lease_of_which_the_agent_reads_late_is_over_when_it_is_for_the_server(world: World) -> None:
    """Else an agent that was stopped meanwhile would execute what another has executed by now."""
    await world.send(clock=100.0)
    await world.until(world.server.messages.empty)
    world.asleep = 3600.0
    await world.send(lease(1), clock=110.0)
    await world.send(lease(2), clock=3700.0)
    await world.until(lambda: len(world.executions) == 2)
    ends = [world.executions[name].deadline for name in ("l1", "l2")]
    assert [end is not None and end > boottime() for end in ends] == [False, True]


async def test_a_cancellation_reaches_the_execution(world: World) -> None:
    await world.send(lease(1))
    await world.send(lease(1, cancel=True))
    await world.until(lambda: "l1" in world.executions and world.executions["l1"].canceled.is_set())


async def test_the_folder_of_a_lease_that_is_gone_is_removed(world: World) -> None:
    left = world.folders.create("e_1_00000009", lease(9).id)
    await world.send(all_of_them=True)
    await world.until(lambda: not left.root.exists())


async def test_the_folder_of_a_lease_still_held_is_adopted_as_it_is(world: World) -> None:
    left = world.folders.create("e_1_00000001", lease(1).id)
    left.std_log.write_bytes(b"written under the earlier agent")
    await world.send(lease(1), all_of_them=True)
    await world.until(lambda: "l1" in world.executions)
    assert world.executions["l1"].folder.std_log.read_bytes() == b"written under the earlier agent"


async def test_the_folder_of_an_earlier_lease_of_the_run_is_not_taken_for_this_one(world: World) -> None:
    other = lease(1)
    other.id = "earlier"
    left = world.folders.create("e_1_00000001", other.id)
    left.std_log.write_bytes(b"of another execution")
    await world.send(lease(1), all_of_them=True)
    await world.until(lambda: "l1" in world.executions)
    assert not world.executions["l1"].folder.std_log.exists()


async def test_an_agent_waits_for_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orris_agent.agent._RETRY_SECONDS", 0)
    made = World(tmp_path)
    made.server.unavailable = 3
    task = asyncio.create_task(made.agent.run())
    await made.send(lease(1))
    await made.until(lambda: "l1" in made.executions)
    made.executions["l1"].cancel()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_of_a_lease_only_its_id_is_kept_where_only_its_user_can_read_it(tmp_path: Path) -> None:
    """A lease holds secrets and tokens."""
    folder = RunFolders(tmp_path / "runs").create("e_1_00000001", lease(1).id)
    assert json.loads((folder.root / "lease.json").read_text()) == {"id": "l1"}
    assert (folder.root / "lease.json").stat().st_mode & 0o777 == 0o600
    assert folder.root.stat().st_mode & 0o777 == 0o700


async def test_a_run_that_asks_for_a_container_gets_one_and_others_the_default(world: World) -> None:
    await world.send(lease(1, isolation=runs.ISOLATION_CONTAINER), lease(2), lease(3, isolation=runs.ISOLATION_PROCESS))
    await world.until(lambda: len(world.executions) == 3)
    contained = {lease_id: execution.folder.contained for lease_id, execution in world.executions.items()}
    assert contained == {"l1": True, "l2": False, "l3": False}


def test_an_agent_that_insists_on_containers_gives_nobody_less() -> None:
    runtimes = Runtimes(None, None, (runs.ISOLATION_CONTAINER,))  # type: ignore[arg-type]
    assert all(runtimes.contains(runs.Run(isolation=each)) for each in runs.Isolation.values())


async def test_new_leases_do_not_wait_for_an_engine_that_is_away(world: World) -> None:
    """What is left of a lease that is gone is ended when the engine is back; its folder stays until then."""
    left = world.folders.create("e_1_00000009", lease(9).id, contained=True)
    await world.send(lease(1), all_of_them=True)
    await world.until(lambda: "l1" in world.executions and world.containers.begun == ["l9"])
    assert not left.root.exists()
    (aside,) = [folder for folder in world.folders if folder.lease_id() == "l9"]
    assert world.containers.held == [{"l1"}]
    await world.send(lease(1), all_of_them=True)
    await world.until(lambda: len(world.containers.held) == 2)
    assert world.containers.begun == ["l9"]
    world.containers.engine_is_back.set()
    await world.until(lambda: not aside.root.exists())


async def test_a_run_leased_anew_does_not_get_the_container_of_its_earlier_lease(world: World) -> None:
    await world.send(lease(1, isolation=runs.ISOLATION_CONTAINER))
    await world.until(lambda: "l1" in world.executions)
    anew = lease(1, isolation=runs.ISOLATION_CONTAINER)
    anew.id = "anew"
    await world.send(anew)
    await world.until(lambda: "anew" in world.executions and world.containers.begun == ["l1"])
    world.containers.engine_is_back.set()
    assert world.executions["anew"].folder.lease_id() == "anew"
    await world.until(lambda: [folder.lease_id() for folder in world.folders] == ["anew"])


async def test_a_machine_is_tidied_now_and_then_whatever_comes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be tidied is tried again, and leases go on meanwhile."""
    monkeypatch.setattr(agent, "_TIDY_SECONDS", 0)
    made = World(tmp_path)
    task = asyncio.create_task(made.agent.run())
    await made.until(lambda: made.containers.tidied >= 2)
    await made.send(lease(1))
    await made.until(lambda: "l1" in made.executions)
    task.cancel()
    made.executions["l1"].cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_full_disk_costs_the_runs_that_cannot_begin_there_and_no_other(small_disk: Path) -> None:
    made = World(small_disk)
    task = asyncio.create_task(made.agent.run())
    await made.send(lease(1))
    await made.until(lambda: "l1" in made.executions)
    fill(small_disk)
    await made.send(lease(2))
    await made.send(lease(2))
    await made.until(lambda: bool(made.server.finished) and made.server.messages.empty())
    (told,) = made.server.finished
    assert (told.lease_id, told.state, told.error.code) == ("l2", runs.Run.STATE_FAILED, runs.RunError.CODE_SYSTEM)
    assert "No space left on device" in told.error.message
    (small_disk / "filler").unlink()
    await made.send(lease(3))
    await made.until(lambda: "l3" in made.executions)
    assert not made.executions["l1"].canceled.is_set()
    task.cancel()
    for execution in made.executions.values():
        execution.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_agent_that_is_to_end_says_so_and_goes_on_until_its_runs_have_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "_RETRY_SECONDS", 0)
    await world.send(lease(1))
    await world.until(lambda: "l1" in world.executions)
    world.server.unavailable = 3
    finishing = asyncio.create_task(world.agent.finish("the machine goes"))
    await world.until(lambda: world.server.drained == ["the machine goes"])
    assert not finishing.done()
    world.executions["l1"].cancel()
    async with asyncio.timeout(5):
        await finishing


async def test_an_agent_without_runs_ends_though_nobody_hears_of_it(world: World) -> None:
    world.server.unavailable = 1_000_000
    async with asyncio.timeout(5):
        await world.agent.finish("the machine goes")
    assert world.server.drained == []
