"""References that may keep more than their runs need."""

import pytest

from orris.errors import NotFound, Unavailable
from orris.names import RunName
from orris_runs.archive import Needs
from orris_runs.leases import Outcome
from orris_runs.model import Kind, Prepared, Run
from orris_runs.states import State

from .conftest import DURATION, MARGIN, NEW, TREE, World

OUTPUTS = f"workspaces/default/trees/{'b' * 64}"
PREPARED = Prepared(image=NEW.image)


def end(world: World, run: Run, state: State = State.COMPLETED) -> None:
    """Let an agent execute a run to its end."""
    world.core.leases.finish(world.lease_of(run), Outcome(state, outputs=OUTPUTS))


def name(run: Run) -> RunName:
    return RunName(run.workspace, run.id)


def due(world: World) -> list[RunName]:
    return list(world.core.loose.due())


def test_a_recorded_run_is_not_loose(world: World) -> None:
    run = world.submit()
    world.core.loose.give_up(name(run))
    world.reopen()
    assert due(world) == []


def test_what_is_being_submitted_is_left_alone(world: World) -> None:
    world.new_id()
    assert due(world) == []


def test_what_was_being_submitted_is_due_after_the_next_start(world: World) -> None:
    run_id = world.new_id()
    world.reopen()
    assert due(world) == [RunName("default", run_id)]
    with pytest.raises(Unavailable, match="submit it again"):
        world.core.submission.submit(run_id, NEW, PREPARED)
    world.core.loose.settle(RunName("default", run_id))
    world.reopen()
    assert due(world) == []


def test_a_run_that_was_given_up_is_never_recorded(world: World) -> None:
    run_id = world.new_id()
    world.core.loose.give_up(RunName("default", run_id))
    assert due(world) == [RunName("default", run_id)]
    for _ in range(2):
        with pytest.raises(Unavailable, match="submit it again"):
            world.core.submission.submit(run_id, NEW, PREPARED)
        world.core.loose.settle(RunName("default", run_id))
    with pytest.raises(NotFound):
        world.core.reading.get("default", run_id)


def test_one_that_is_the_same_request_again_can_be_given_up(world: World) -> None:
    submit = world.core.submission.submit
    first, again = world.new_id(), world.new_id()
    for run_id in (first, again):
        assert submit(run_id, NEW, PREPARED, "request", b"payload").id == first
        world.core.loose.give_up(RunName("default", run_id))
    assert due(world) == [RunName("default", again)]


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELED])
def test_a_training_needs_its_files_for_ever(world: World, state: State) -> None:
    world.agent()
    run = world.submit()
    end(world, run, state)
    assert due(world) == []
    assert world.core.archive.needs(name(run)) == Needs([TREE, OUTPUTS], [])


@pytest.mark.parametrize("canceled", [True, False])
def test_outputs_that_were_not_told_of_before_their_agent_was_lost_are_not_needed(world: World, canceled: bool) -> None:
    world.agent()
    run, _ = world.start()
    if canceled:
        world.core.cancellation.cancel("default", run.id, "ada", "")
    world.clock.advance(DURATION + MARGIN + 1)
    world.core.leases.look_after()
    assert world.get(run).state is (State.CANCELED if canceled else State.FAILED)
    assert due(world) == [name(run)]
    assert world.core.archive.needs(name(run)) == Needs([TREE], [])


def test_a_run_that_waits_again_is_not_loose(world: World) -> None:
    world.agent()
    run = world.submit()
    world.clock.advance(DURATION + MARGIN + 1)
    world.core.leases.look_after()
    assert world.get(run).state is State.PROVISIONING
    assert due(world) == []


@pytest.mark.parametrize("kind", [Kind.CONVERSION, Kind.REPLICA])
def test_a_conversion_and_a_replica_need_theirs_until_they_end(world: World, kind: Kind) -> None:
    world.agent(replica_slots=1)
    run = world.submit(kind=kind)
    assert world.core.archive.needs(name(run)) == Needs([TREE], [])
    end(world, run)
    assert due(world) == [name(run)]
    world.reopen()
    assert due(world) == [name(run)]
    assert world.core.archive.needs(name(run)) == Needs([], [])


def test_a_conversion_that_is_canceled_before_it_starts_needs_nothing(world: World) -> None:
    run = world.submit(kind=Kind.CONVERSION)
    world.core.cancellation.cancel("default", run.id, "ada", "")
    assert due(world) == [name(run)]
