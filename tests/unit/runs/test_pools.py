"""Pools: nodes come when runs wait for them, go when they are idle, and what became of each is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orris.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from orris_runs.demands import Demands, Resources
from orris_runs.engines.port import NodePhase
from orris_runs.model import Agent, ErrorCode, Kind, Prepared, Run
from orris_runs.pools.keeping import Todo
from orris_runs.pools.model import NewPool, Node, NodeState, PoolUpdate
from orris_runs.pools.scaling import START_SECONDS, UNREACHABLE_SECONDS
from orris_runs.states import State
from orris_runs.store import POOLS_CHANGED
from tests.fakes.engine import FakeEngine

from .conftest import DURATION, MARGIN, NEW, World

CPU = "cpu"


class Lab:
    """A pool, its engine, and the agents of its nodes; `step` is what the keeper does again and again."""

    def __init__(self, world: World, **pool: Any) -> None:
        self.world, self.engine = world, FakeEngine()
        asked = {"engine": "fake", "min_nodes": 0, "max_nodes": 3, "idle_seconds": 60.0, **pool}
        self.pool = world.core.pools.create(NewPool(CPU, **asked))

    def step(self, times: int = 1) -> Todo:
        todo = Todo()
        for _ in range(times):
            todo = self.world.core.keeping.look_after(CPU, self.engine.nodes(CPU))
            for request in todo.start:
                self.engine.start(request)
            for node in todo.stop:
                self.engine.stop(CPU, node)
        return todo

    def nodes(self, *, gone: bool = False) -> list[Node]:
        return self.world.core.pools.nodes(CPU, gone=gone)

    def states(self) -> list[NodeState]:
        return sorted(node.state for node in self.nodes())

    def connect(self, **offered: Any) -> list[str]:
        """Let the agents of all nodes that start connect."""
        starting = [node.id for node in self.nodes() if node.state is NodeState.STARTING]
        for name in starting:
            self.engine.say(name, NodePhase.RUNNING)
            self.hear(name, **offered)
        self.step()
        return starting

    def hear(self, name: str, slots: int = 1, **offered: Any) -> None:
        self.world.core.pools.admit(Agent(name, CPU, slots, 4, **offered))
        self.world.core.agents.open_stream(name)
        self.world.core.queue.dispatch(CPU)

    def submit(self, **changed: Any) -> Run:
        return self.world.submit(pool=CPU, **changed)

    def up(self, count: int) -> list[Run]:
        """Submit runs and let nodes come for them."""
        runs = [self.submit() for _ in range(count)]
        self.step()
        self.connect()
        return [self.world.get(run) for run in runs]

    def finish(self, run: Run) -> None:
        run = self.world.get(run)
        self.world.finish(self.world.lease_of(run, run.agent))


@pytest.fixture
def lab(world: World) -> Lab:
    return Lab(world)


def gone(lab: Lab) -> Node:
    return next(node for node in lab.nodes(gone=True) if node.state is NodeState.GONE)


def test_a_node_comes_for_each_run_that_waits_up_to_the_most(lab: Lab) -> None:
    runs = [lab.submit() for _ in range(5)]
    lab.step(3)
    assert (len(lab.engine.requests), lab.states()) == (3, [NodeState.STARTING] * 3)
    assert {node.reason for node in lab.nodes()} == {"runs wait"}
    lab.connect()
    assert [bool(lab.world.get(run).agent) for run in runs] == [True, True, True, False, False]
    assert lab.states() == [NodeState.RUNNING] * 3


def test_without_demand_there_are_the_fewest(world: World) -> None:
    lab = Lab(world, min_nodes=2)
    lab.step(3)
    assert [node.reason for node in lab.nodes()] == ["the pool has at least 2"] * 2
    lab.connect()
    world.clock.advance(10_000)
    lab.step(3)
    assert len(lab.nodes()) == 2


def test_slots_of_nodes_that_come_count_for_those_that_wait(world: World) -> None:
    lab = Lab(world, node_slots=4, max_nodes=10)
    for _ in range(9):
        lab.submit()
    lab.step(3)
    assert len(lab.nodes()) == 3
    assert {request.slots for request in lab.engine.requests.values()} == {4}


def test_an_idle_node_goes_after_its_time_and_says_why(lab: Lab) -> None:
    (run,) = lab.up(1)
    lab.finish(run)
    lab.world.clock.advance(59)
    heard(lab)
    lab.step()
    assert lab.states() == [NodeState.IDLE]
    lab.world.clock.advance(2)
    heard(lab)
    lab.step(2)
    assert (lab.nodes(), lab.engine.known) == ([], {})
    assert (gone(lab).end_reason, gone(lab).preempted) == ("it was idle for 60 seconds", False)


def heard(lab: Lab) -> None:
    for node in lab.nodes():
        lab.world.core.leases.renew(node.id, [])


def test_a_short_run_makes_its_node_busy_though_nobody_looked_meanwhile(lab: Lab) -> None:
    lab.finish(lab.up(1)[0])
    lab.world.clock.advance(50)
    heard(lab)
    lab.finish(lab.submit())
    lab.world.clock.advance(50)
    heard(lab)
    lab.step(3)
    assert lab.states() == [NodeState.IDLE]


def test_a_node_that_is_to_go_gets_no_run_any_more(lab: Lab) -> None:
    (run,) = lab.up(1)
    lab.world.core.pools.update(CPU, PoolUpdate(max_nodes=0))
    second = lab.submit()
    lab.step()
    assert lab.states() == [NodeState.DRAINING]
    lab.finish(run)
    assert lab.world.get(second).agent == ""
    lab.step(2)
    assert lab.nodes() == []
    assert gone(lab).end_reason == "the pool may have 0 nodes"
    assert "raise its max_nodes" in lab.world.get(second).state_reason


def test_of_too_many_nodes_those_that_do_nothing_go(lab: Lab) -> None:
    first, second = lab.up(2)
    lab.finish(first)
    lab.world.core.pools.update(CPU, PoolUpdate(max_nodes=1))
    lab.step(2)
    assert [node.id for node in lab.nodes()] == [second.agent]


def test_a_restart_neither_loses_a_node_nor_asks_for_one_twice(lab: Lab) -> None:
    """The rows were there before the engine was asked: killed in between, it is asked for the same."""
    lab.submit()
    todo = lab.world.core.keeping.look_after(CPU, [])
    lab.world.reopen()
    again = lab.world.core.keeping.look_after(CPU, [])
    assert [request.id for request in again.start] == [request.id for request in todo.start]
    lab.step(2)
    lab.connect()
    lab.world.reopen()
    heard_of = lab.nodes()[0].id
    assert lab.step().start == []
    lab.hear(heard_of)
    lab.step()
    assert lab.states() == [NodeState.RUNNING]


def test_what_the_engine_has_and_nobody_asked_for_is_ended(lab: Lab) -> None:
    lab.up(1)
    lab.engine.requests["stray"] = lab.engine.requests[lab.nodes()[0].id]
    lab.engine.say("stray", NodePhase.RUNNING)
    lab.step()
    assert "stray" not in lab.engine.known


def test_an_agent_that_is_no_node_gets_nothing_of_a_pool_with_an_engine(lab: Lab) -> None:
    lab.hear("stray")
    assert lab.submit().agent == ""


def test_a_killed_node_is_replaced_and_its_run_says_what_happened(lab: Lab) -> None:
    (run,) = lab.up(1)
    lab.world.report(lab.world.lease_of(run, run.agent), State.RUNNING)
    lab.engine.say(run.agent, NodePhase.GONE, "its process was killed by signal 9")
    lab.step()
    assert gone(lab).end_reason == "its process was killed by signal 9"
    assert lab.engine.known == {}
    lab.submit()
    lab.world.clock.advance(DURATION - 1)
    lab.world.core.leases.look_after()
    silent = lab.world.get(run)
    assert silent.state is State.NOT_RESPONDING
    assert silent.state_reason == f"its agent {run.agent} is gone: its process was killed by signal 9"
    lab.world.clock.advance(MARGIN + 2)
    lab.world.core.leases.look_after()
    lost = lab.world.get(run)
    assert lost.error is not None
    assert (lost.state, lost.error.code) == (State.FAILED, ErrorCode.AGENT_LOST)
    assert "its process was killed by signal 9" in lost.error.message
    lab.step()
    assert lab.states() == [NodeState.STARTING]


def test_an_engine_is_asked_at_once_and_often_when_the_agent_of_a_node_is_gone(lab: Lab) -> None:
    """So what has become of the node is known before its leases end, however short they are."""
    (run,) = lab.up(1)
    assert lab.step().settled
    lab.world.notified.clear()
    lab.world.core.agents.close_stream(run.agent, 1)
    assert POOLS_CHANGED in lab.world.notified
    assert not lab.step().settled
    lab.hear(run.agent)
    assert lab.step().settled


def test_the_agent_of_a_pool_without_an_engine_is_nobodys_to_ask_for(world: World) -> None:
    world.agent()
    world.notified.clear()
    world.core.agents.close_stream("a1", 1)
    assert POOLS_CHANGED not in world.notified


def test_with_retries_the_run_of_a_killed_node_goes_to_another_and_only_when_its_lease_has_ended(lab: Lab) -> None:
    run = lab.submit(max_retries=1)
    lab.step()
    lab.connect()
    first = lab.world.get(run).agent
    lab.world.report(lab.world.lease_of(run, first), State.RUNNING)
    lab.engine.say(first, NodePhase.GONE, "killed")
    lab.step()
    assert lab.world.get(run).agent == first
    lab.world.clock.advance(DURATION + MARGIN + 1)
    lab.world.core.leases.look_after()
    lab.world.clock.advance(10)
    lab.world.core.retries.begin_due()
    lab.step()
    lab.connect()
    again = lab.world.get(run)
    assert again.agent not in ("", first)
    assert again.attempt == 2


def test_a_partitioned_node_that_comes_back_goes_on(lab: Lab) -> None:
    (run,) = lab.up(1)
    lease = lab.world.lease_of(run, run.agent)
    lab.world.report(lease, State.RUNNING)
    lab.world.clock.advance(DURATION)
    lab.world.core.leases.look_after()
    lab.step()
    (node,) = lab.nodes()
    assert (node.state, node.message) == (NodeState.UNREACHABLE, "its agent was last heard of at 00:00:00 UTC")
    assert lab.world.get(run).state is State.NOT_RESPONDING
    assert lab.world.core.leases.renew(run.agent, [lease]) == []
    lab.step()
    assert lab.states() == [NodeState.RUNNING]
    assert lab.world.get(run).state is State.RUNNING


def test_a_node_that_is_not_heard_of_for_long_is_ended_and_gets_nothing_when_it_comes_back(lab: Lab) -> None:
    (run,) = lab.up(1)
    lab.world.clock.advance(UNREACHABLE_SECONDS + 1)
    lab.world.core.leases.look_after()
    lab.step(2)
    assert "not been heard of for 300 seconds" in gone(lab).end_reason
    lab.hear(run.agent)
    waiting = lab.world.get(run)
    assert (waiting.state, waiting.agent) == (State.PROVISIONING, "")


def test_a_node_that_never_comes_up_is_given_up_and_the_next_one_later_and_later(lab: Lab) -> None:
    run = lab.submit()
    lab.step()
    lab.engine.say(lab.nodes()[0].id, NodePhase.STARTING, "pulls its image")
    lab.step()
    assert lab.world.get(run).state_reason == "a node comes up in pool cpu (pulls its image)"
    asked = []
    for _ in range(4):
        lab.world.clock.advance(START_SECONDS + 1)
        lab.step(3)
        asked.append(len(lab.engine.requests))
        lab.world.clock.advance(1.1 if len(asked) == 1 else 301)
        lab.step(3)
        asked.append(len(lab.engine.requests))
    assert asked == [1, 2, 2, 3, 3, 4, 4, 5]
    assert "had not connected after 600 seconds" in lab.world.core.pools.get(CPU).error


def test_waiting_runs_say_what_keeps_their_pool_from_bringing_nodes(lab: Lab) -> None:
    run = lab.submit()
    lab.world.core.keeping.note_error(CPU, "Ray does not answer at ray:6379")
    waiting = lab.world.get(run)
    assert waiting.state is State.PROVISIONING
    assert waiting.state_reason == "pool cpu cannot bring a node: Ray does not answer at ray:6379"
    lab.step()
    assert lab.world.core.pools.get(CPU).error == ""


def test_a_node_waits_for_its_machine_as_long_as_it_takes_but_not_for_nobody(lab: Lab) -> None:
    run = lab.submit()
    lab.engine.begins = NodePhase.WAITING
    lab.step(2)
    lab.world.clock.advance(100_000)
    lab.step(2)
    assert lab.states() == [NodeState.STARTING]
    lab.world.core.cancellation.cancel("default", run.id, "me", "")
    lab.step(3)
    assert lab.nodes() == []


def test_a_preempted_node_gets_nothing_more_and_its_run_tells_of_it(lab: Lab) -> None:
    (run,) = lab.up(1)
    lab.world.report(lab.world.lease_of(run, run.agent), State.RUNNING)
    lab.world.core.withdrawal.drain(run.agent, "spot machines are taken back")
    second = lab.submit()
    lab.step()
    assert sorted(lab.states()) == [NodeState.STARTING, NodeState.DRAINING]
    assert lab.world.get(second).agent == ""
    lab.engine.say(run.agent, NodePhase.GONE)
    lab.step()
    lab.world.clock.advance(DURATION + MARGIN + 1)
    lab.world.core.leases.look_after()
    lost = lab.world.get(run)
    assert lost.error is not None
    assert lost.error.code is ErrorCode.PREEMPTED
    assert "spot machines are taken back" in lost.error.message
    assert gone(lab).preempted


def test_an_agent_that_came_by_itself_drains_until_it_registers_anew(world: World) -> None:
    world.agent()
    world.core.withdrawal.drain("a1", "reboot")
    world.reopen()
    world.core.agents.open_stream("a1")
    assert world.submit().agent == ""
    (node,) = world.core.pools.nodes("local")
    assert (node.state, node.end_reason) == (NodeState.DRAINING, "reboot")
    world.agent()
    assert world.core.pools.nodes("local")[0].state is NodeState.RUNNING


def test_no_node_comes_for_a_run_that_none_will_ever_execute(world: World) -> None:
    lab = Lab(world, node_resources=Resources(cpus=2))
    run = lab.submit(demands=Demands(resources=Resources(cpus=64)))
    lab.step(3)
    assert lab.engine.requests == {}
    assert world.get(run).state is State.PROVISIONING
    lab.submit()
    lab.step()
    lab.connect(resources=Resources(cpus=2))
    assert "the largest agent of pool cpu has 2 CPUs" in world.get(run).state_reason
    lab.step(3)
    assert len(lab.engine.requests) == 1


def test_no_node_comes_for_runs_that_their_experiment_holds_back(lab: Lab) -> None:
    lab.world.core.experiments.create("default", "iris")
    lab.world.core.experiments.update("default", "iris", 1)
    for _ in range(3):
        lab.submit()
    lab.step(3)
    lab.connect()
    lab.step(3)
    assert len(lab.engine.requests) == 1


def test_runs_that_need_much_have_nodes_of_their_own(world: World) -> None:
    lab = Lab(world, node_slots=4, max_nodes=10, node_resources=Resources(cpus=4))
    for _ in range(4):
        lab.submit(demands=Demands(resources=Resources(cpus=3)))
    lab.step(3)
    assert len(lab.nodes()) == 4


def test_a_replica_keeps_its_node(lab: Lab) -> None:
    lab.submit(kind=Kind.REPLICA)
    lab.step()
    lab.connect()
    lab.world.clock.advance(1000)
    heard(lab)
    lab.step(3)
    assert lab.states() == [NodeState.RUNNING]


def test_a_run_whose_pool_does_not_exist_is_refused(world: World) -> None:
    with pytest.raises(NotFound, match="there is no pool 'nowhere'; there are: local") as refused:
        world.core.submission.check(replace(NEW, pool="nowhere"))
    assert refused.value.reason == "POOL_NOT_FOUND"


def test_an_agent_brings_its_pool_with_it(world: World) -> None:
    world.core.pools.admit(Agent("g1", "gpu", 1, 0))
    world.core.pools.require("gpu")
    assert [pool.id for pool in world.core.pools.list(10, "")[0]] == ["gpu", "local"]


def test_a_pool_in_use_is_not_deleted(lab: Lab) -> None:
    (run,) = lab.up(1)
    with pytest.raises(FailedPrecondition, match="1 run is not over") as refused:
        lab.world.core.pools.delete(CPU)
    assert refused.value.reason == "POOL_IN_USE"
    lab.finish(run)
    lab.world.core.pools.delete(CPU)


def test_a_deleted_pool_ends_its_nodes_takes_no_runs_and_is_gone(lab: Lab) -> None:
    lab.finish(lab.up(1)[0])
    lab.world.core.pools.delete(CPU)
    with pytest.raises(NotFound):
        lab.world.core.pools.require(CPU)
    with pytest.raises(FailedPrecondition):
        lab.world.core.pools.update(CPU, PoolUpdate(max_nodes=9))
    assert lab.step(4).over
    assert lab.engine.known == {}
    with pytest.raises(NotFound):
        lab.world.core.pools.get(CPU)
    assert [each.id for each in lab.world.core.pools.list(10, "")[0]] == ["local"]


def test_what_was_submitted_just_before_its_pool_was_deleted_is_canceled(lab: Lab) -> None:
    lab.world.core.pools.delete(CPU)
    run = submitted_unchecked(lab)
    assert lab.step(2).over
    over = lab.world.get(run)
    assert (over.state, over.state_reason) == (State.CANCELED, "its pool was deleted")


def submitted_unchecked(lab: Lab) -> Run:
    new = replace(NEW, pool=CPU)
    return lab.world.core.submission.submit(lab.world.new_id(), new, Prepared(image=new.image))


def test_the_default_pool_is_always_there(world: World) -> None:
    with pytest.raises(FailedPrecondition, match="always there"):
        world.core.pools.delete("local")


def test_the_same_request_makes_one_pool(world: World) -> None:
    for _ in range(2):
        assert world.core.pools.create(NewPool("p"), "r1", b"x").id == "p"
    with pytest.raises(AlreadyExists):
        world.core.pools.create(NewPool("p"))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"id": "A"}, "pool_id"),
        ({"id": "a" * 41}, "pool_id"),
        ({"engine": "slurm"}, "pool.engine"),
        ({"max_nodes": 3}, "pool.max_nodes"),
        ({"engine": "fake"}, "pool.max_nodes"),
        ({"engine": "fake", "min_nodes": 2, "max_nodes": 1}, "pool.min_nodes"),
        ({"engine": "fake", "max_nodes": -1}, "pool.max_nodes"),
        ({"engine": "fake", "max_nodes": 1, "idle_seconds": float("nan")}, "pool.idle_time"),
        ({"node_slots": -1}, "pool.node_slots"),
        ({"node_resources": Resources(cpus=-1)}, "pool.node_resources.cpus"),
        ({"node_resources": Resources(gpus=1)}, "pool.node_resources.gpus"),
        ({"tags": {"": "x"}}, "pool.tags"),
        ({"options": {"a": "\0"}}, "pool.options"),
        ({"description": "x" * 5000}, "pool.description"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_by_its_fields(world: World, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        world.core.pools.create(NewPool(**{"id": "p", **fields}))
    assert named in [violation.field for violation in refused.value.violations]


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"engine": "fake", "max_nodes": 1}, "'adress' is no option of the engine 'fake'; there are account, queue"),
        ({"engine": "bare", "max_nodes": 1}, "'adress' is no option of the engine 'bare'; it has none: leave it out"),
        ({}, "a pool without an engine has nobody to tell: leave them out, or set `engine`"),
    ],
)
def test_options_that_nobody_takes_are_refused_with_those_there_are(
    world: World, fields: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        world.core.pools.create(NewPool("p", **fields, options={"adress": "head:1"}))
    assert [each.field for each in refused.value.violations] == ["pool.options"]
    assert refused.value.message == f"pool.options: {remedy}"
    with pytest.raises(NotFound):
        world.core.pools.get("p")


def test_an_option_of_its_engine_is_kept_with_the_pool(world: World) -> None:
    made = world.core.pools.create(NewPool("p", engine="fake", max_nodes=1, options={"queue": "short"}))
    assert made.options == {"queue": "short"}
