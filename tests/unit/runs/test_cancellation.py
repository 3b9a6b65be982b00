"""Canceling: at once without an agent, through the agent with one."""

import pytest

from orris.errors import NotFound
from orris_runs.model import Run
from orris_runs.states import State

from .conftest import DURATION, MARGIN, World


def cancel(world: World, run: Run) -> Run:
    return world.core.cancellation.cancel("default", run.id, "ada", "not needed")


def test_in_the_queue_it_is_done_at_once(world: World) -> None:
    canceled = cancel(world, world.submit())
    assert (canceled.state, canceled.state_reason) == (State.CANCELED, "canceled by ada: not needed")
    assert canceled.end_time is not None
    world.agent()
    assert world.core.leases.of_agent("a1") == []


def test_a_reason_is_shown_as_far_as_it_can_be(world: World) -> None:
    canceled = world.core.cancellation.cancel("default", world.submit().id, "ada", "a\0b" + "x" * 5000)
    assert canceled.state_reason.startswith("canceled by ada: a\ufffdbxxx")


def test_while_the_environment_is_made_it_is_done_at_once(world: World) -> None:
    assert cancel(world, world.submit_preparing()).state is State.CANCELED


@pytest.mark.parametrize("begun", [False, True])
def test_with_an_agent_the_agent_is_asked(world: World, begun: bool) -> None:
    world.agent()
    run = world.start()[0] if begun else world.submit()
    assert cancel(world, run).state is State.CANCEL_REQUESTED
    (lease,) = world.core.leases.of_agent("a1")
    assert lease.cancel
    assert ("agent", "a1") in world.notified
    assert world.core.leases.report(lease.id, State.RUNNING, "", None)
    world.finish(lease.id, State.CANCELED)
    assert world.get(run).state is State.CANCELED


def test_the_agent_says_how_it_ended(world: World) -> None:
    world.agent()
    run, lease = world.start()
    cancel(world, run)
    world.finish(lease, State.COMPLETED)
    assert world.get(run).state is State.COMPLETED


def test_while_outputs_are_kept_the_state_stays_and_the_agent_is_told(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.leases.report(lease, State.FINALIZING, "", None)
    assert cancel(world, run).state is State.FINALIZING
    assert world.core.leases.of_agent("a1")[0].cancel


def test_while_its_agent_is_silent_it_is_canceled_when_the_lease_ends(world: World) -> None:
    world.agent()
    run, _ = world.start()
    world.clock.advance(DURATION / 2 + 1)
    world.core.leases.look_after()
    assert cancel(world, run).state is State.CANCEL_REQUESTED
    world.clock.advance(DURATION + MARGIN)
    world.core.leases.look_after()
    assert world.get(run).state is State.CANCELED


def test_again_or_too_late_it_changes_nothing(world: World) -> None:
    world.agent()
    run, lease = world.start()
    assert cancel(world, run) == cancel(world, run)
    world.finish(lease, State.CANCELED)
    assert cancel(world, run) == world.get(run)


def test_an_unknown_run_is_not_found(world: World) -> None:
    with pytest.raises(NotFound) as caught:
        world.core.cancellation.cancel("default", "nothing", "ada")
    assert caught.value.reason == "RUN_NOT_FOUND"


def test_all_can_be_stopped_at_once(world: World) -> None:
    preparing = world.submit_preparing()
    world.agent()
    running, _ = world.start()
    waiting = world.submit()
    assert world.core.stop_all("going down") == 1
    assert [world.get(run).state for run in (preparing, running, waiting)] == [
        State.CANCELED,
        State.CANCEL_REQUESTED,
        State.CANCELED,
    ]
