"""Runs go only where there is what they ask for; those that cannot go anywhere hold nobody up, and say why."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris_runs import line
from orris_runs.data import Input, OutputTo
from orris_runs.demands import Demands, Isolation, Resources
from orris_runs.model import Agent, Distribution, Kind, Run, Slot
from orris_runs.schema import runs
from orris_runs.states import State
from tests.servers.databases import plan_of
from tests.servers.listening import heard

from .conftest import NEW, TREE, World

GIB = 1024**3
BOTH = (Isolation.PROCESS, Isolation.CONTAINER)
CONTAINED = Demands(Isolation.CONTAINER)


def needing(**resources: Any) -> Demands:
    return Demands(resources=Resources(**resources))


def agents_of(world: World, *chosen: Run) -> list[str]:
    return [world.get(run).agent for run in chosen]


def has(**resources: Any) -> dict[str, Any]:
    return {"resources": Resources(**resources)}


def test_a_run_in_a_container_goes_to_an_agent_that_offers_it(world: World) -> None:
    world.agent("plain", slots=2)
    world.agent("docker", isolations=BOTH)
    contained, other = world.submit(demands=CONTAINED), world.submit()
    assert agents_of(world, contained, other) == ["docker", "plain"]


def test_an_agent_that_says_nothing_of_isolation_runs_processes(world: World) -> None:
    world.agent()
    assert world.submit(demands=Demands(Isolation.PROCESS)).agent == "a1"


@pytest.mark.parametrize(
    ("isolation", "offered", "reason"),
    [
        (
            Isolation.CONTAINER,
            Isolation.PROCESS,
            "no agent of pool local runs containers: start one with ORRIS_AGENT_ISOLATION=container",
        ),
        (
            Isolation.PROCESS,
            Isolation.CONTAINER,
            "no agent of pool local runs processes without a container: start one with ORRIS_AGENT_ISOLATION=process",
        ),
        *(
            (
                Isolation.WARM,
                offered,
                "no agent of pool local starts runs warm outside of containers: start one with "
                "ORRIS_AGENT_ISOLATION=warm, on Linux, or leave isolation out",
            )
            for offered in (Isolation.CONTAINER, Isolation.PROCESS)
        ),
    ],
)
def test_an_isolation_that_nobody_offers_is_named(
    world: World, isolation: Isolation, offered: Isolation, reason: str
) -> None:
    world.agent(isolations=[offered])
    run = world.submit(demands=Demands(isolation))
    assert (run.state, run.state_reason) == (State.QUEUED, reason)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ({"inputs": [Input("table", TREE)]}, "knows how to give runs data"),
        ({"outputs_to": [OutputTo("clean")]}, "knows how to give runs data"),
        ({"distribution": Distribution.JOBLIB}, "knows how to spread runs"),
        ({"inputs": [Input("x", TREE, as_folder=True)]}, "knows how to give runs folders with one file"),
        ({"outputs_to": [OutputTo("x", source_globs=("*.csv",))]}, "knows how to choose what of an output is kept"),
    ],
)
def test_what_is_new_goes_only_to_agents_that_know_of_it(world: World, program: Any, reason: str) -> None:
    """Those of older versions would leave it out, and say nothing."""
    world.agent("old", slots=2, abilities=frozenset())
    run = world.submit(program=replace(NEW.program, **program))
    assert (run.state, run.agent) == (State.QUEUED, "")
    assert f"no agent of pool local {reason}" in run.state_reason
    assert world.submit().agent == "old"
    world.agent("new")
    assert world.get(run).agent == "new"


def test_agents_are_remembered_with_what_they_know(world: World) -> None:
    world.agent(abilities=frozenset({"data", "flying"}))
    (agent,), _ = world.core.agents.list(10, "")
    assert agent.abilities == {"data", "flying"}
    with pytest.raises(InvalidArgument, match="abilities"):
        world.agent(abilities=frozenset({"Flying!"}))


@pytest.mark.parametrize(
    ("asked", "there", "reason"),
    [
        ({"cpus": 4}, {"cpus": 2}, "needs 4 CPUs; the largest agent of pool local has 2 CPUs"),
        ({"cpus": 1.5}, {"cpus": 1}, "needs 1.5 CPUs; the largest agent of pool local has 1 CPU"),
        (
            {"memory_bytes": 8 * GIB},
            {"cpus": 2, "memory_bytes": 4 * GIB},
            "needs 8 GiB of memory; the largest agent of pool local has 4 GiB of memory",
        ),
        ({"gpus": 1}, {"cpus": 2}, "needs 1 GPU; the largest agent of pool local has no GPU"),
        (
            {"cpus": 8, "gpus": 4, "memory_bytes": GIB},
            {"cpus": 4, "gpus": 2, "memory_bytes": GIB},
            "needs 8 CPUs and 4 GPUs; the largest agent of pool local has 4 CPUs and 2 GPUs",
        ),
    ],
)
def test_what_no_machine_has_is_named(world: World, asked: Any, there: Any, reason: str) -> None:
    world.agent(**has(**there))
    assert world.submit(demands=needing(**asked)).state_reason == reason


def test_what_no_single_machine_has_is_named(world: World) -> None:
    world.agent("a1", **has(cpus=8, memory_bytes=GIB))
    world.agent("a2", **has(cpus=1, memory_bytes=8 * GIB))
    run = world.submit(demands=needing(cpus=8, memory_bytes=8 * GIB))
    assert run.state_reason == "needs 8 CPUs and 8 GiB of memory; no agent of pool local has all of that"


def test_an_agent_that_says_nothing_of_its_machine_takes_what_needs_processors_and_memory_but_no_gpus(
    world: World,
) -> None:
    world.agent(slots=2)
    assert world.submit(demands=needing(cpus=64, memory_bytes=GIB)).agent == "a1"
    assert world.submit(demands=needing(gpus=1)).agent == ""


def test_what_fits_nowhere_holds_nobody_up(world: World) -> None:
    world.agent(slots=2, **has(cpus=2))
    too_much = [world.submit(demands=demands) for demands in (needing(cpus=4), CONTAINED, needing(gpus=1))]
    small, ordinary = world.submit(demands=needing(cpus=2)), world.submit()
    assert agents_of(world, small, ordinary) == ["a1", "a1"]
    assert agents_of(world, *too_much) == [""] * 3


def test_what_fitted_nowhere_goes_to_an_agent_that_comes_later(world: World) -> None:
    world.agent(**has(cpus=2))
    large = world.submit(demands=needing(cpus=4))
    world.agent("a2", **has(cpus=8))
    assert world.get(large).agent == "a2"


def test_runs_that_fit_go_in_the_order_of_submission_whatever_they_ask_for(world: World) -> None:
    waiting = [world.submit(demands=needing(cpus=cpus)) for cpus in (1, 2, 0, 1, 2, 0)]
    world.agent(**has(cpus=2))
    order = []
    while held := world.core.leases.of_agent("a1"):
        order.append(held[0].run.key)
        world.finish(held[0].id)
    assert order == [run.key for run in waiting]


def test_what_the_runs_of_an_agent_ask_for_together_is_no_more_than_it_has(world: World) -> None:
    world.agent(slots=8, **has(cpus=2, memory_bytes=4 * GIB, gpus=1))
    first, second = (world.submit(demands=needing(cpus=1)) for _ in range(2))
    third, ordinary = world.submit(demands=needing(cpus=0.5)), world.submit()
    assert agents_of(world, first, second, third, ordinary) == ["a1", "a1", "", "a1"]
    assert world.get(third).state_reason == "waits for 0.5 CPUs to be free in pool local: 0 ahead of it"
    world.finish(world.lease_of(first))
    assert world.get(third).agent == "a1"


def test_fractions_of_a_processor_add_up(world: World) -> None:
    world.agent(slots=10, **has(cpus=1))
    tenths = [world.submit(demands=needing(cpus=0.1)) for _ in range(10)]
    assert agents_of(world, *tenths) == ["a1"] * 10


def test_work_and_replicas_share_the_machine(world: World) -> None:
    world.agent(slots=1, replica_slots=1, **has(cpus=1))
    replica, work = (world.submit(kind=kind, demands=needing(cpus=1)) for kind in (Kind.REPLICA, Kind.TRAINING))
    assert agents_of(world, replica, work) == ["a1", ""]


def test_a_large_run_that_waits_for_others_is_not_overtaken_by_those_that_take_what_it_waits_for(world: World) -> None:
    """Else small ones, coming and coming, would keep it out for ever."""
    world.agent(slots=4, **has(cpus=4))
    running = [world.submit(demands=needing(cpus=2)) for _ in range(2)]
    large, small, ordinary = (
        world.submit(demands=needing(cpus=4)),
        world.submit(demands=needing(cpus=1)),
        world.submit(),
    )
    world.finish(world.lease_of(running[0]))
    assert agents_of(world, large, small, ordinary) == ["", "", "a1"]
    world.finish(world.lease_of(running[1]))
    assert agents_of(world, large, small) == ["a1", ""]


def test_only_the_machine_that_a_large_run_waits_for_is_kept_for_it(world: World) -> None:
    world.agent("a1", slots=4, **has(cpus=4))
    running = world.submit(demands=needing(cpus=1))
    large = world.submit(demands=needing(cpus=4))
    world.agent("a2", slots=4, **has(cpus=2))
    assert world.submit(demands=needing(cpus=1)).agent == "a2"
    world.finish(world.lease_of(running))
    assert world.get(large).agent == "a1"


def test_what_a_machine_was_kept_for_is_canceled_and_others_go(world: World) -> None:
    world.agent(slots=4, **has(cpus=4))
    world.submit(demands=needing(cpus=2))
    large, small = (world.submit(demands=needing(cpus=cpus)) for cpus in (4, 1))
    assert agents_of(world, large, small) == ["", ""]
    world.core.cancellation.cancel("default", large.id, "me")
    assert agents_of(world, small) == ["a1"]


def test_a_lost_run_gives_back_what_it_had(world: World) -> None:
    world.agent(**has(cpus=2))
    lost = world.submit(demands=needing(cpus=2))
    world.clock.advance(41)
    world.core.leases.look_after()
    world.core.leases.renew("a1", [])
    assert world.get(lost).agent == "a1"
    world.reopen()
    world.agent(slots=2, **has(cpus=2))
    assert world.submit(demands=needing(cpus=1)).agent == ""


def test_in_a_list_each_says_why_it_waits(world: World) -> None:
    from orris_runs.reading import RunQuery

    world.agent(slots=2, **has(cpus=2))
    world.submit(demands=needing(cpus=2))
    world.submit(demands=needing(cpus=2))
    world.submit(demands=needing(cpus=3))
    page = world.core.reading.page(RunQuery("default"), 10, "").items
    assert [run.state_reason for run in page] == [
        "needs 3 CPUs; the largest agent of pool local has 2 CPUs",
        "waits for 2 CPUs to be free in pool local: 0 ahead of it",
        "starting on agent a1",
    ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (has(cpus=-1), "agent.resources.cpus"),
        (has(cpus=float("nan")), "agent.resources.cpus"),
        (has(memory_bytes=-1), "agent.resources.memory_bytes"),
        (has(gpus=-1), "agent.resources.gpus"),
        ({"isolations": [Isolation.UNSPECIFIED]}, "agent.isolations"),
        ({"isolations": [Isolation.PROCESS] * 2}, "agent.isolations"),
    ],
)
def test_what_an_agent_cannot_have_is_refused(world: World, wrong: Any, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        world.core.agents.register(Agent("a1", "local", 1, 0, **wrong))
    assert [violation.field for violation in caught.value.violations] == [field]


def test_what_an_agent_offers_is_there_after_a_restart(world: World) -> None:
    world.agent(isolations=BOTH[::-1], **has(cpus=2.5, memory_bytes=GIB, gpus=1))
    world.reopen()
    (agent,) = world.core.agents.list(10, "")[0]
    assert agent.isolations == BOTH[::-1]
    assert agent.resources == Resources(cpus=2.5, memory_bytes=GIB, gpus=1)


def test_runs_are_looked_at_by_what_they_ask_for_not_one_by_one(world: World) -> None:
    """As many statements for two that fit nowhere as for a hundred."""
    world.agent(**has(cpus=1))
    world.submit()

    def statements_with(unfit: int) -> int:
        for _ in range(unfit):
            world.submit(demands=needing(cpus=2))
        with heard(world.engine) as statements:
            world.core.queue.dispatch("local")
        return len(statements)

    world.finish(world.core.leases.of_agent("a1")[0].id)
    assert statements_with(2) == statements_with(100)


def test_the_first_line_of_each_kind_and_those_in_it_are_found_by_indexes(world: World) -> None:
    values = {
        "rank": 0,
        "workspace": "default",
        "experiment": "iris",
        "demands": "",
        "most": 1,
        "full": line.listed(["default/x"]),
    }
    world.submit()
    for query, index in ((line.HEADS, "lines_of_demands"), (line.FIRST, "runs_in_line")):
        plan = plan_of(world.engine, query.statement.params(values | {"pool": "local", "slot": "work"}))
        assert index in plan
        for not_in_it in ("sorted", "SCAN runs", "SCAN lines", "Seq Scan on runs", "Seq Scan on lines"):
            assert not_in_it not in plan


def test_the_first_line_of_each_kind(world: World) -> None:
    made = [world.submit(demands=needing(cpus=cpus)) for cpus in (2, 0, 2, 1, 0)]
    with world.core.store.look() as connection:
        found = line.heads(connection, "local", Slot.WORK, [])
        keys = {key for each in found for key in line.first(connection, "local", Slot.WORK, each, 1)}
        assert line.heads(connection, "other", Slot.WORK, []) == []
        assert line.heads(connection, "local", Slot.WORK, ["default/iris"]) == []
        assert keys == {made[0].key, made[1].key, made[3].key}
        kept = connection.execute(sa.select(runs.c.demands).order_by(runs.c.key)).scalars().all()
    assert kept[1] == ""
    assert kept[0] == kept[2]
