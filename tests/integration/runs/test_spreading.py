"""Runs that are spread over the Ray cluster of their pool: their environments get its Ray when they are submitted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from orris.errors import FailedPrecondition, Unavailable
from orris.runs.v1 import pools_service_pb2 as pools
from orris.runs.v1 import runs_pb2, sweeps_pb2
from orris.runs.v1 import sweeps_service_pb2 as sweep_calls
from orris.runs.v1.pools_service_pb2_grpc import PoolServiceStub
from orris.runs.v1.sweeps_service_pb2_grpc import SweepServiceStub
from orris_kit.ray_versions import RayVersions
from orris_runs.engines import ENGINES
from orris_runs.engines.port import Engine, EngineKind
from tests.fakes.engine import FakeEngine
from tests.fakes.images import COLD, IMAGE, READY

from .conftest import PARENT, Service, State, open_neighbours

JOBLIB = runs_pb2.DISTRIBUTION_JOBLIB


class Lab:
    """The service, with an engine that says what a test wants."""

    def __init__(self, service: Service, engine: FakeEngine) -> None:
        self.service, self.engine = service, engine

    async def pool(self, name: str = "rack", engine: str = "fake") -> None:
        asked = pools.Pool(engine=engine, max_nodes=1 if engine else 0)
        await self._stub.CreatePool(pools.CreatePoolRequest(pool_id=name, pool=asked))

    async def shown(self, name: str = "rack") -> pools.Pool:
        found: pools.Pool = (await self._stub.GetPool(pools.GetPoolRequest(name=f"pools/{name}"))).pool
        return found

    async def submit(self, **run: Any) -> runs_pb2.Run:
        return await self.service.submit(**{"pool": "rack", "distribution": JOBLIB, **run})

    async def sweep(self, environment: str) -> None:
        """Begin a sweep of two trials; return when they are there."""
        snapshot = self.service.artifacts.tree("train.py")
        given: dict[str, Any] = {"experiment": f"{PARENT}/experiments/iris", "script": "train.py", "snapshot": snapshot}
        values = [runs_pb2.MetricValue(integer=number) for number in range(2)]
        sweep = sweeps_pb2.Sweep(
            trial=runs_pb2.Run(pool="rack", distribution=JOBLIB, environment=environment, **given),
            parameters=[sweeps_pb2.SweepParameter(name="x", choice=sweeps_pb2.SweepChoice(values=values))],
            sampling=sweeps_pb2.SweepSampling(method=sweeps_pb2.SweepSampling.METHOD_GRID),
            metric="m",
            goal=sweeps_pb2.Sweep.GOAL_MAXIMIZE,
            max_total_runs=2,
        )
        stub = SweepServiceStub(self.service.channel())
        made = (await stub.CreateSweep(sweep_calls.CreateSweepRequest(parent=PARENT, sweep=sweep))).sweep
        async with asyncio.timeout(10):
            async for message in stub.WatchSweep(sweep_calls.WatchSweepRequest(name=made.run.name)):
                if message.sweep.counts.total == 2:
                    return

    @property
    def _stub(self) -> Any:
        return PoolServiceStub(self.service.channel())


@pytest.fixture
async def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    engine = FakeEngine()
    engine.versions = RayVersions("2.60.0", "3.11.7")

    def make(_: object) -> Engine:
        return engine

    monkeypatch.setitem(ENGINES, "fake", EngineKind(make, tuple))
    async with AsyncExitStack() as stack:
        yield Lab(await open_neighbours(stack, tmp_path), engine)


async def test_an_environment_gets_the_ray_of_the_pools_cluster(lab: Lab) -> None:
    """A pool that was created just now is waited for."""
    await lab.pool()
    run = await lab.submit()
    (addition,) = lab.service.images.additions
    assert (list(addition.pip_packages), addition.python_version) == (["ray==2.60.0"], "3.11.7")
    assert (run.environment, run.image) == (READY, IMAGE)
    shown = (await lab.shown()).ray_cluster
    assert (shown.ray_version, shown.python_version) == ("2.60.0", "3.11.7")


async def test_other_runs_of_the_pool_have_their_environment_as_it_is(lab: Lab) -> None:
    await lab.pool()
    await lab.submit(distribution=runs_pb2.DISTRIBUTION_UNSPECIFIED)
    assert lab.service.images.additions == []


async def test_a_pool_remembers_its_cluster_while_that_is_away(lab: Lab) -> None:
    """Runs wait for the cluster in the queue, not where they are submitted."""
    await lab.pool()
    await lab.submit()
    lab.engine.away = "the head has ended"
    await lab.service.restart()
    run = await lab.submit()
    assert run.state in (State.STATE_QUEUED, State.STATE_PROVISIONING)
    assert len(lab.service.images.additions) == 2


async def test_a_cluster_that_was_never_reached_is_named_with_what_keeps_it(lab: Lab) -> None:
    lab.engine.away = "no head at 10.0.0.1:6379"
    await lab.pool()
    with pytest.raises(Unavailable, match=r"pool 'rack' has not been reached.*no head at 10\.0\.0\.1:6379"):
        await lab.submit()


async def test_a_pool_whose_machines_are_on_no_cluster_is_refused(lab: Lab) -> None:
    lab.engine.versions = None
    await lab.pool()
    with pytest.raises(FailedPrecondition, match="pool 'rack' are on no Ray cluster; name a pool whose are") as refused:
        await lab.submit()
    assert refused.value.reason == "NOT_IN_A_CLUSTER"


async def test_agents_that_come_by_themselves_know_of_their_cluster_themselves(lab: Lab) -> None:
    await lab.pool("lone", engine="")
    await lab.submit(pool="lone")
    assert lab.service.images.additions == []


async def test_an_environment_that_does_not_go_with_the_cluster_is_refused(lab: Lab) -> None:
    """Nothing is recorded; the message has both sides."""
    await lab.pool()
    lab.service.images.conflict = FailedPrecondition(
        "it asks for ray==2.9.0: leave that out", reason="PACKAGE_CONFLICT"
    )
    said = r"rack' has Ray 2\.60\.0 and Python 3\.11\.7; .*asks for ray==2\.9\.0: leave that out"
    with pytest.raises(FailedPrecondition, match=said) as refused:
        await lab.submit()
    assert refused.value.reason == "CLUSTER_MISMATCH"


async def test_an_image_that_is_named_has_to_have_it(lab: Lab) -> None:
    """It is what it is: nothing is added."""
    await lab.pool()
    with pytest.raises(FailedPrecondition, match=r"has no Ray, and the cluster has Ray 2\.60\.0: add ray==2\.60\.0"):
        await lab.submit(environment="", image=IMAGE)


@pytest.mark.parametrize("environment", [READY, COLD])
async def test_the_trials_of_a_sweep_have_it_too(lab: Lab, environment: str) -> None:
    """Whether the environment is there when the sweep begins, or is made for its trials."""
    await lab.pool()
    await lab.sweep(environment)
    images = lab.service.images
    assert len(images.additions) == images.calls["CreateBuild"]
