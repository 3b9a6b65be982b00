"""What is kept for runs: nothing that somebody needs is let go of, whoever changes it at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from orris.artifacts.v1.artifacts_pb2 import SmallFiles
from orris.errors import FailedPrecondition, ResourceExhausted
from orris.names import RunName
from orris_kit.database import DatabaseUnavailable
from orris_runs.core import Core
from orris_runs.data import Dataset
from orris_runs.following import Archivist
from orris_runs.leases import Outcome
from orris_runs.model import STD_LOG, Kind, Prepared, Run
from orris_runs.references import References
from orris_runs.releasing import Releaser
from orris_runs.states import State
from orris_runs.store import Change
from orris_runs.submitting import Submitting

from .conftest import DURATION, MARGIN, NEW, TREE, World

OUTPUTS = f"workspaces/default/trees/{'b' * 64}"
DIGEST = "c" * 64
KEPT = f"workspaces/default/trees/{'e' * 64}"
DATA = f"workspaces/default/trees/{'d' * 64}"


class FakeArtifacts:
    """References in memory; `before` is awaited in each call that sets one."""

    def __init__(self) -> None:
        self.references: dict[str, list[str]] = {}
        self.full = False
        self.before: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0)

    async def refer(self, run: RunName, trees: Sequence[str], blobs: Sequence[str]) -> None:
        await self.before()
        self.references[str(run)] = [*trees, *blobs]

    async def keep(self, run: RunName, files: SmallFiles, trees: Sequence[str], blobs: Sequence[str]) -> str:
        if self.full:
            raise ResourceExhausted("full", reason="STORE_FULL")
        await self.refer(run, [*trees, KEPT], blobs)
        return KEPT

    async def forget(self, run: RunName) -> None:
        await asyncio.sleep(0)
        self.references.pop(str(run), None)

    async def check_script(self, tree: str, script: str) -> None:
        """All trees have all scripts."""

    async def dataset(self, name: str) -> Dataset:
        return Dataset(name if "/versions/" in name else f"{name}/versions/1", DATA, id="id-of-data")

    async def store(self, workspace: str, data: bytes) -> str:
        return DIGEST

    def read(self, workspace: str, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        raise NotImplementedError


class Ready:
    """Images that are there."""

    async def prepare(self, *_: Any) -> Prepared:
        return Prepared(image=NEW.image)


@pytest.fixture
def artifacts() -> FakeArtifacts:
    return FakeArtifacts()


def submitting(core: Core, artifacts: FakeArtifacts) -> Submitting:
    return Submitting(core, Ready(), artifacts, References(core, artifacts))  # type: ignore[arg-type]  # asked nothing else


def name(run: Run) -> RunName:
    return RunName(run.workspace, run.id)


async def released(world: World, references: References) -> None:
    """Put right what is due."""
    assert await Releaser(world.core, references)._put_all_right()


async def test_a_log_that_is_being_archived_stays_when_files_are_released(
    world: World, artifacts: FakeArtifacts
) -> None:
    world.agent()
    run, lease = world.start(kind=Kind.CONVERSION)
    world.core.logs.append(lease, STD_LOG, 0, b"x" * 100_000, True)
    world.finish(lease, outputs=OUTPUTS)
    references = References(world.core, artifacts)
    releasing: list[asyncio.Task[None]] = []

    async def release_meanwhile() -> None:
        if not releasing:
            releasing.append(asyncio.create_task(references.put_right(name(run))))
            await asyncio.sleep(0)

    artifacts.before = release_meanwhile
    assert await Archivist(world.core, artifacts, references)._move_all()
    await releasing[0]
    assert artifacts.references == {str(name(run)): [f"workspaces/default/blobs/{DIGEST}"]}
    assert list(world.core.loose.due()) == []


def lose(world: World) -> None:
    world.clock.advance(DURATION + MARGIN + 1)
    world.core.leases.look_after()


async def test_outputs_that_are_told_of_as_the_lease_runs_out_are_released(
    world: World, artifacts: FakeArtifacts
) -> None:
    world.agent()
    run, lease = world.start()
    references = References(world.core, artifacts)

    async def lose_it() -> None:
        artifacts.before = lambda: asyncio.sleep(0)
        lose(world)

    artifacts.before = lose_it
    finishing = Submitting(world.core, Ready(), artifacts, references)  # type: ignore[arg-type]
    with pytest.raises(FailedPrecondition, match="lease"):
        await finishing.finish(lease, Outcome(State.COMPLETED, outputs=OUTPUTS))
    assert OUTPUTS in artifacts.references[str(name(run))]
    await released(world, references)
    assert artifacts.references == {str(name(run)): [TREE]}


async def test_files_that_come_with_the_end_are_its_outputs(world: World, artifacts: FakeArtifacts) -> None:
    world.agent()
    run, lease = world.start()
    finishing = submitting(world.core, artifacts)
    artifacts.full = True
    with pytest.raises(ResourceExhausted):
        await finishing.finish(lease, Outcome(State.COMPLETED), files=SmallFiles())
    assert world.get(run).state is State.RUNNING
    artifacts.full = False
    for _ in range(2):
        await finishing.finish(lease, Outcome(State.COMPLETED), files=SmallFiles())
    assert (world.get(run).state, world.get(run).outputs) == (State.COMPLETED, KEPT)
    assert artifacts.references == {str(name(run)): [TREE, KEPT]}


async def test_files_that_come_as_the_lease_runs_out_are_released(world: World, artifacts: FakeArtifacts) -> None:
    world.agent()
    run, lease = world.start()
    references = References(world.core, artifacts)

    async def lose_it() -> None:
        artifacts.before = lambda: asyncio.sleep(0)
        lose(world)

    artifacts.before = lose_it
    with pytest.raises(FailedPrecondition, match="lease"):
        await submitting(world.core, artifacts).finish(lease, Outcome(State.COMPLETED), files=SmallFiles())
    await released(world, references)
    assert artifacts.references == {str(name(run)): [TREE]}


async def test_outputs_that_are_told_of_after_the_lease_ran_out_are_not_kept(
    world: World, artifacts: FakeArtifacts
) -> None:
    world.agent()
    run, lease = world.start()
    references = References(world.core, artifacts)
    late = Submitting(world.core, Ready(), artifacts, references)  # type: ignore[arg-type]
    async with references.turn(name(run)):
        finishing = asyncio.create_task(late.finish(lease, Outcome(State.COMPLETED, outputs=OUTPUTS)))
        while len(references.turn(name(run))._waiters or ()) < 1:  # noqa: ASYNC110  # a lock has no event for it
            await asyncio.sleep(0)
        lose(world)
    with pytest.raises(FailedPrecondition, match="lease"):
        await finishing
    assert artifacts.references == {}


class Committed:
    """Changes what it is to change, and loses the connection just then."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, method: str) -> Any:
        return getattr(self._real, method)

    async def soon(self, action: Callable[[Change], Any]) -> Any:
        await self._real.soon(action)
        raise DatabaseUnavailable("lost")


async def test_a_run_whose_commit_was_not_heard_of_keeps_its_files(world: World, artifacts: FakeArtifacts) -> None:
    core = replace(world.core, store=Committed(world.core.store))  # type: ignore[arg-type]
    with pytest.raises(DatabaseUnavailable):
        await submitting(core, artifacts).submit(NEW, "request", b"payload")
    await released(world, References(world.core, artifacts))
    again = await submitting(world.core, artifacts).submit(NEW, "request", b"payload")
    await released(world, References(world.core, artifacts))
    assert artifacts.references == {str(name(again)): [TREE]}


async def test_a_submission_whose_caller_has_gone_keeps_nothing(world: World, artifacts: FakeArtifacts) -> None:
    referring = asyncio.Event()

    async def wait_for_ever() -> None:
        artifacts.references["workspaces/default/runs/set"] = [TREE]
        referring.set()
        await asyncio.Event().wait()

    artifacts.before = wait_for_ever
    task = asyncio.create_task(submitting(world.core, artifacts).submit(NEW, "", b""))
    await referring.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (due,) = world.core.loose.due()
    artifacts.references = {str(due): artifacts.references.popitem()[1]}
    await released(world, References(world.core, artifacts))
    assert artifacts.references == {}
    assert list(world.core.loose.due()) == []
