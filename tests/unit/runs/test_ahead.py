"""An agent whose programs end soon is leased runs ahead; one that cannot begin soon waits for another agent."""

import pytest

from orris.errors import FailedPrecondition
from orris_runs.demands import ABILITIES, Demands, Resources
from orris_runs.limits import SOON_SECONDS
from orris_runs.model import AHEAD, Run
from orris_runs.states import State

from .conftest import NEW, World

INSTALL_LOG = "azureml-logs/20_environment_log.txt"
ABLE = ABILITIES | {AHEAD}


def given(world: World, agent: str = "a1") -> list[str]:
    return [lease.run.id for lease in world.core.leases.of_agent(agent)]


def soon(world: World, agent: str = "a1") -> None:
    """Let a run begin and end."""
    _, lease = world.start(agent)
    world.finish(lease)


def test_a_run_for_each_slot_is_leased_ahead_while_programs_end_soon(world: World) -> None:
    world.agent(slots=2, abilities=ABLE)
    first, second, third, fourth, fifth, _ = [world.submit() for _ in range(6)]
    assert given(world) == [first.id, second.id]
    world.report(world.lease_of(first), State.RUNNING)
    world.finish(world.lease_of(first))
    assert given(world) == [second.id, third.id, fourth.id, fifth.id]


def test_none_is_where_a_program_took_its_time(world: World) -> None:
    world.agent(abilities=ABLE)
    first, second, _ = [world.submit() for _ in range(3)]
    world.report(world.lease_of(first), State.RUNNING)
    world.clock.advance(SOON_SECONDS)
    world.finish(world.lease_of(first))
    assert given(world) == [second.id]


def test_none_is_to_an_agent_that_is_not_able_to(world: World) -> None:
    world.agent()
    first, second, _ = [world.submit() for _ in range(3)]
    world.report(world.lease_of(first), State.RUNNING)
    world.finish(world.lease_of(first))
    assert given(world) == [second.id]


def test_who_has_a_place_is_given_a_run_before_those_who_have_none(world: World) -> None:
    world.agent(abilities=ABLE)
    soon(world)
    busy = world.submit()
    world.agent("a2", abilities=ABLE)
    assert (given(world), given(world, "a2")) == ([busy.id], [])
    there = world.submit()
    ahead = world.submit()
    assert (given(world), given(world, "a2")) == ([busy.id, ahead.id], [there.id])


def test_what_weighs_waits_until_there_is_a_place_for_it(world: World) -> None:
    world.agent(abilities=ABLE, resources=Resources(cpus=4.0))
    soon(world)
    busy = world.submit()
    world.submit(demands=Demands(resources=Resources(cpus=1.0)))
    assert given(world) == [busy.id]


def waiting_ahead(world: World) -> tuple[Run, Run]:
    """Return a run that is executed, and one that is leased ahead."""
    world.agent(abilities=ABLE)
    soon(world)
    busy, _ = world.start()
    return busy, world.submit()


def test_a_run_that_is_handed_back_waits_where_it_was(world: World) -> None:
    busy, ahead = waiting_ahead(world)
    behind = world.submit()
    lease = world.lease_of(ahead)
    for _ in range(2):  # as often as it was leased, none of it counts
        world.core.leases.hand_back(lease)
        assert given(world) == [busy.id]
        found = world.get(ahead)
        assert (found.state, found.agent, found.queued_time) == (State.QUEUED, "", ahead.queued_time)
        world.core.agents.lease_ahead("a1", True)
        world.core.queue.dispatch("local")
        assert given(world) == [busy.id, ahead.id]
        lease = world.lease_of(ahead)
    world.core.leases.hand_back(lease)
    world.agent("a2", slots=2)
    assert given(world, "a2") == [ahead.id, behind.id]


def test_the_agent_is_leased_none_ahead_until_a_program_has_ended_soon_again(world: World) -> None:
    busy, ahead = waiting_ahead(world)
    world.core.leases.hand_back(world.lease_of(ahead))
    another = world.submit()
    assert given(world) == [busy.id]
    world.finish(world.lease_of(busy))
    assert given(world) == [ahead.id, another.id]


def test_what_its_environment_took_is_in_its_log_wherever_it_is_made_ready(world: World) -> None:
    _, ahead = waiting_ahead(world)
    first = world.lease_of(ahead)
    world.core.logs.append(first, INSTALL_LOG, 0, b"installed on a1\n", True)
    world.core.leases.hand_back(first)
    world.agent("a2", abilities=ABLE)
    second = world.lease_of(ahead, "a2")
    world.core.logs.append(second, INSTALL_LOG, 0, b"installed on a2\n", True)
    world.report(second, State.RUNNING)
    world.finish(second)
    found = world.core.logs.read("default", ahead.id, INSTALL_LOG, 0)
    assert found.data == b"installed on a1\ninstalled on a2\n"


def test_what_has_begun_or_is_canceled_is_not_handed_back(world: World) -> None:
    busy, ahead = waiting_ahead(world)
    world.core.cancellation.cancel("default", ahead.id, "ada", "not needed")
    for run in (busy, ahead):
        with pytest.raises(FailedPrecondition) as refused:
            world.core.leases.hand_back(world.lease_of(run))
        assert refused.value.reason == "RUN_BEGUN"
    lease = world.lease_of(ahead)
    world.finish(lease, State.CANCELED)
    with pytest.raises(FailedPrecondition) as refused:
        world.core.leases.hand_back(lease)
    assert refused.value.reason == "LEASE_LOST"
    assert world.get(ahead).state is State.CANCELED


def test_an_agent_that_registers_anew_begins_with_none_ahead(world: World) -> None:
    busy, ahead = waiting_ahead(world)
    assert given(world) == [busy.id, ahead.id]
    world.agent(abilities=ABLE)
    world.submit()
    assert given(world) == [busy.id, ahead.id]


def test_an_experiment_that_has_as_many_as_it_may_gets_none_ahead(world: World) -> None:
    world.agent(abilities=ABLE)
    soon(world)
    world.core.experiments.update("default", NEW.experiment, max_concurrent_runs=1)
    busy = world.submit()
    world.submit()
    assert given(world) == [busy.id]
