"""Pools over the wire: their nodes are asked for, serve, and what waits for them says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from orris.runs.v1 import agents_service_pb2, runs_pb2
from orris.runs.v1 import pools_service_pb2 as pb
from orris.runs.v1.pools_service_pb2_grpc import PoolServiceStub
from orris_kit.auth import Role
from orris_runs.engines import ENGINES
from orris_runs.engines.port import Engine, EngineKind, NodePhase
from tests.fakes.engine import FakeEngine

from .conftest import FakeAgent, Service, State, open_neighbours

Node = pb.Node


class Lab:
    """The service with an engine whose machines a test is."""

    def __init__(self, service: Service, engine: FakeEngine) -> None:
        self.service, self.engine = service, engine

    @property
    def pools(self) -> Any:
        return PoolServiceStub(self.service.channel())

    async def create(self, name: str = "cpu", **pool: Any) -> pb.Pool:
        asked = pb.Pool(**{"engine": "fake", "max_nodes": 2, **pool})
        made: pb.Pool = (await self.pools.CreatePool(pb.CreatePoolRequest(pool_id=name, pool=asked))).pool
        return made

    async def get(self, name: str = "cpu") -> pb.Pool:
        found: pb.Pool = (await self.pools.GetPool(pb.GetPoolRequest(name=f"pools/{name}"))).pool
        return found

    async def nodes(self, name: str = "cpu", *, gone: bool = False) -> list[pb.Node]:
        request = pb.ListNodesRequest(parent=f"pools/{name}", show_gone=gone)
        return list((await self.pools.ListNodes(request)).nodes)

    async def asked(self, count: int = 1) -> list[str]:
        """Wait until the engine was asked for so many nodes; return their ids."""
        await until(lambda: len(self.engine.requests) == count)
        return list(self.engine.requests)

    async def agent(self, node: str) -> FakeAgent:
        """Let the agent of a node connect."""
        self.engine.say(node, NodePhase.RUNNING)
        agent = FakeAgent(self.service, f"agents/{node}")
        offered = agents_service_pb2.Agent(name=agent.name, pool=self.engine.requests[node].pool, slots=1)
        await agent.stub.RegisterAgent(agents_service_pb2.RegisterAgentRequest(agent=offered))
        await agent.reconnect()
        return agent


async def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition, which may be a coroutine's, holds: the keeper looks every half second."""
    async with asyncio.timeout(20):
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    engine = FakeEngine()

    def make(_: object) -> Engine:
        return engine

    monkeypatch.setitem(ENGINES, "fake", EngineKind(make, tuple))
    async with AsyncExitStack() as stack:
        yield Lab(await open_neighbours(stack, tmp_path), engine)


async def test_a_run_brings_a_node_that_executes_it_and_goes_when_it_is_idle(lab: Lab) -> None:
    made = await lab.create(idle_time={"seconds": 1})
    assert (made.name, made.state, made.node_slots) == ("pools/cpu", pb.Pool.STATE_ACTIVE, 1)
    run = await lab.service.submit(pool="cpu")
    assert run.state == State.STATE_PROVISIONING
    (node,) = await lab.asked()
    assert "a node comes up in pool cpu" in (await lab.service.get(run)).state_reason
    agent = await lab.agent(node)
    (lease,) = agent.first.leases
    assert lease.run.name == run.name
    (shown,) = await lab.nodes()
    assert (shown.name, shown.state, list(shown.agent.runs)) == (
        f"pools/cpu/nodes/{node}",
        Node.STATE_RUNNING,
        [run.name],
    )
    await agent.finish(lease.id)
    done = await lab.service.until(run, State.STATE_COMPLETED)
    stages = [stage.kind for stage in done.stages]
    assert stages == [
        runs_pb2.RunStage.KIND_SCALING,
        runs_pb2.RunStage.KIND_RUNNING,
        runs_pb2.RunStage.KIND_POST_PROCESSING,
    ]

    async def is_gone() -> bool:
        return not await lab.nodes()

    await until(is_gone)
    assert lab.engine.known == {}
    (gone,) = await lab.nodes(gone=True)
    assert (gone.state, gone.end_reason) == (Node.STATE_GONE, "it was idle for 1 seconds")


async def test_an_engine_that_cannot_be_asked_says_so_on_what_waits_and_is_asked_again(lab: Lab) -> None:
    lab.engine.away = "Slurm does not answer: start slurmctld"
    await lab.create()
    run = await lab.service.submit(pool="cpu")

    async def says_so() -> bool:
        waiting = await lab.service.get(run)
        return "Slurm does not answer: start slurmctld" in waiting.state_reason

    await until(says_so)
    assert (await lab.get()).error == "Slurm does not answer: start slurmctld"
    lab.engine.away = ""
    await lab.asked()

    async def is_well() -> bool:
        return not (await lab.get()).error

    await until(is_well)


async def test_nodes_are_known_after_a_restart(lab: Lab) -> None:
    await lab.create(min_nodes=1)
    (node,) = await lab.asked()
    await lab.agent(node)
    await lab.service.restart()
    assert [each.name for each in await lab.nodes()] == [f"pools/cpu/nodes/{node}"]
    await lab.agent(node)
    run = await lab.service.submit(pool="cpu")
    assert (await lab.service.get(run)).agent == f"agents/{node}"
    assert list(lab.engine.requests) == [node]


async def test_an_agent_that_drains_is_leased_nothing_more(lab: Lab) -> None:
    await lab.create(max_nodes=1)
    first = await lab.service.submit(pool="cpu")
    (node,) = await lab.asked()
    agent = await lab.agent(node)
    request = agents_service_pb2.DrainAgentRequest(agent=agent.name, reason="the machine goes")
    await agent.stub.DrainAgent(request)
    second = await lab.service.submit(pool="cpu")
    (shown,) = await lab.nodes()
    assert (shown.state, shown.end_reason, shown.preempted) == (Node.STATE_DRAINING, "the machine goes", True)
    assert (await lab.service.get(first)).agent == agent.name
    assert (await lab.service.get(second)).agent == ""


async def test_a_pool_is_updated_and_deleted_and_nothing_can_be_submitted_to_it(lab: Lab) -> None:
    await lab.create(min_nodes=1, tags={"a": "1"})
    await lab.asked()
    update = pb.UpdatePoolRequest(name="pools/cpu", max_nodes=5, set_tags={"b": "2"})
    updated = (await lab.pools.UpdatePool(update)).pool
    assert (updated.min_nodes, updated.max_nodes, dict(updated.tags)) == (1, 5, {"a": "1", "b": "2"})
    with pytest.raises(InvalidArgument, match="min_nodes"):
        await lab.pools.UpdatePool(pb.UpdatePoolRequest(name="pools/cpu", min_nodes=6))
    await lab.pools.DeletePool(pb.DeletePoolRequest(name="pools/cpu"))
    with pytest.raises(NotFound, match="there is no pool 'cpu'"):
        await lab.service.submit(pool="cpu")

    async def is_gone() -> bool:
        return [pool.name for pool in (await lab.pools.ListPools(pb.ListPoolsRequest())).pools] == ["pools/local"]

    await until(is_gone)
    assert lab.engine.known == {}
    with pytest.raises(FailedPrecondition, match="always there"):
        await lab.pools.DeletePool(pb.DeletePoolRequest(name="pools/local"))


async def test_who_belongs_to_one_workspace_uses_pools_and_changes_none(lab: Lab) -> None:
    await lab.create()
    stub: Any = PoolServiceStub(lab.service.channel(Role.USER, "default"))
    assert (await stub.GetPool(pb.GetPoolRequest(name="pools/cpu"))).pool.name == "pools/cpu"
    for call, request in (
        (stub.CreatePool, pb.CreatePoolRequest(pool_id="mine")),
        (stub.UpdatePool, pb.UpdatePoolRequest(name="pools/cpu", max_nodes=9)),
        (stub.DeletePool, pb.DeletePoolRequest(name="pools/cpu")),
    ):
        with pytest.raises(PermissionDenied, match="belong to the installation"):
            await call(request)


async def test_a_pool_with_wrong_fields_is_refused_by_name(lab: Lab) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await lab.create(engine="slurm", max_nodes=-1, node_slots=-1)
    assert {each.field for each in refused.value.violations} == {"pool.engine", "pool.max_nodes", "pool.node_slots"}


async def test_a_watched_pool_is_told_whenever_it_has_changed_until_it_is_gone(lab: Lab) -> None:
    await lab.create()
    stream = aiter(lab.pools.WatchPool(pb.WatchPoolRequest(name="pools/cpu")))

    async def told(condition: Callable[[Any], bool]) -> Any:
        async with asyncio.timeout(20):
            while not condition(message := await anext(stream)):
                pass
            return message

    first = await anext(stream)
    assert (first.pool, first.end) == (await lab.get(), False)
    run = await lab.service.submit(pool="cpu")
    (node,) = await lab.asked()
    await told(lambda message: [each.state for each in message.pool.node_counts] == [Node.STATE_STARTING])
    agent = await lab.agent(node)
    running = [Node.STATE_RUNNING]
    await told(lambda message: [each.state for each in message.pool.node_counts] == running)
    await agent.finish(agent.first.leases[0].id)
    await lab.service.until(run, State.STATE_COMPLETED)
    await lab.pools.UpdatePool(pb.UpdatePoolRequest(name="pools/cpu", max_nodes=7))
    await told(lambda message: message.pool.max_nodes == 7)
    await lab.pools.DeletePool(pb.DeletePoolRequest(name="pools/cpu"))
    last = await told(lambda message: message.end)
    assert (last.pool.name, last.pool.max_nodes) == ("pools/cpu", 7)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_pool_that_is_not_there_cannot_be_watched(lab: Lab) -> None:
    with pytest.raises(NotFound):
        await anext(aiter(lab.pools.WatchPool(pb.WatchPoolRequest(name="pools/none"))))
