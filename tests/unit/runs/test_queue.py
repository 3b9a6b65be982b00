"""First come, first served in an experiment; whoever waits is told why."""

import pytest

from orris_runs.model import Kind, Run
from orris_runs.reading import RunQuery
from orris_runs.states import State

from .conftest import World


def states(world: World, *chosen: Run) -> list[State]:
    return [world.get(run).state for run in chosen]


def test_without_an_agent_a_run_is_provisioning_and_says_so(world: World) -> None:
    run = world.submit(pool="gpu")
    assert (run.state, run.state_reason) == (State.PROVISIONING, "no agent is connected to pool gpu")


def test_a_submit_to_a_free_agent_is_leased_in_the_same_transaction(world: World) -> None:
    world.agent()
    run = world.submit()
    assert (run.agent, run.state, run.state_reason) == ("a1", State.QUEUED, "starting on agent a1")
    assert ("agent", "a1") in world.notified


def test_those_that_wait_know_how_many_are_ahead(world: World) -> None:
    world.agent()
    world.submit()
    second, third = world.submit(), world.submit()
    assert second.state_reason == "waits for a free slot of pool local: 0 ahead of it"
    assert world.get(third).state_reason == "waits for a free slot of pool local: 1 ahead of it"


def test_in_a_list_those_that_wait_know_their_places_too(world: World) -> None:
    world.agent()
    for _ in range(4):
        world.submit()
    page = world.core.reading.page(RunQuery("default"), 10, "").items
    assert [run.state_reason.partition(": ")[2] for run in page] == [
        "2 ahead of it",
        "1 ahead of it",
        "0 ahead of it",
        "",
    ]


def test_far_back_the_place_is_not_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orris_runs.places.COUNTED", 1)
    world.agent()
    last = [world.submit() for _ in range(5)][-1]
    assert "over 1 ahead" in last.state_reason
    assert "over 1 ahead" in world.core.reading.page(RunQuery("default"), 10, "").items[0].state_reason


def test_an_agent_that_connects_gets_the_oldest_runs_of_its_pool(world: World) -> None:
    first, second, third = (world.submit() for _ in range(3))
    other = world.submit(pool="gpu")
    world.agent(slots=2)
    assert [world.get(run).agent for run in (first, second, third, other)] == ["a1", "a1", "", ""]


def test_a_run_that_ends_makes_room_for_the_next_at_once(world: World) -> None:
    world.agent()
    first, second = world.submit(), world.submit()
    world.finish(world.lease_of(first))
    assert world.get(second).agent == "a1"


def test_a_program_that_ends_makes_room_for_the_next_while_its_outputs_are_kept(world: World) -> None:
    world.agent()
    first, second = world.submit(), world.submit()
    lease = world.lease_of(first)
    world.report(lease, State.FINALIZING)
    assert [run.agent for run in (world.get(first), world.get(second))] == ["a1", "a1"]
    world.reopen()
    world.core.leases.take_up()
    world.finish(lease)
    assert states(world, first, second) == [State.COMPLETED, State.QUEUED]


def test_an_agent_that_keeps_outputs_of_as_many_runs_as_it_has_slots_gets_the_next_when_one_is_done(
    world: World,
) -> None:
    world.agent()
    first, second, third = world.submit(), world.submit(), world.submit()
    for run in (first, second):
        world.report(world.lease_of(run), State.FINALIZING)
    assert world.get(third).agent == ""
    world.finish(world.lease_of(first))
    assert world.get(third).agent == "a1"


def test_a_run_that_keeps_its_outputs_counts_for_its_experiment(world: World) -> None:
    world.agent(slots=2)
    world.core.experiments.create("default", "iris")
    world.core.experiments.update("default", "iris", 1)
    first, second = world.submit(), world.submit()
    lease = world.lease_of(first)
    world.report(lease, State.FINALIZING)
    assert world.get(second).agent == ""
    world.finish(lease)
    assert world.get(second).agent == "a1"


def test_work_and_replicas_have_slots_of_their_own(world: World) -> None:
    world.agent(slots=1, replica_slots=1)
    work, replica = world.submit(), world.submit(kind=Kind.REPLICA)
    conversion = world.submit(kind=Kind.CONVERSION)
    assert [world.get(run).agent for run in (work, replica, conversion)] == ["a1", "a1", ""]


def test_a_pool_without_slots_of_the_kind_says_so(world: World) -> None:
    world.agent(replica_slots=0)
    assert "takes replicas" in world.submit(kind=Kind.REPLICA).state_reason


def test_work_spreads_over_agents(world: World) -> None:
    world.agent("a1", slots=2)
    world.agent("a2", slots=2)
    assert {world.submit().agent, world.submit().agent} == {"a1", "a2"}


def test_an_agent_whose_stream_has_ended_gets_nothing(world: World) -> None:
    world.agent()
    world.core.agents.close_stream("a1", 1)
    assert world.submit().state is State.PROVISIONING


def test_an_agent_that_is_silent_gets_nothing_until_it_is_heard_of(world: World) -> None:
    world.agent()
    world.clock.advance(16)
    run = world.submit()
    assert run.state is State.PROVISIONING
    world.core.leases.renew("a1", [])
    assert world.get(run).agent == "a1"


def test_only_the_newest_stream_of_an_agent_counts(world: World) -> None:
    world.agent()
    newer = world.core.agents.open_stream("a1")
    assert not world.core.agents.is_newest("a1", 1)
    world.core.agents.close_stream("a1", 1)
    assert world.core.agents.is_newest("a1", newer)
    assert world.submit().agent == "a1"
