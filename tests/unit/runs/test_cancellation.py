"""Canceling: at once without an agent, through the agent with one."""

from collections.abc import Callable

import pytest

from orris.errors import NotFound
from orris_runs.leases import Outcome
from orris_runs.model import ErrorCode, Run, RunError
from orris_runs.schema import runs
from orris_runs.states import FINAL, State

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
    assert world.report(lease.id, State.RUNNING)
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
    world.report(lease, State.FINALIZING)
    assert cancel(world, run).state is State.FINALIZING
    assert world.core.leases.of_agent("a1")[0].cancel
    world.finish(lease, State.CANCELED)
    assert (world.get(run).state, world.get(run).state_reason) == (State.CANCELED, "canceled by ada: not needed")


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


def _with_agent(world: World, *reported: State) -> Run:
    world.agent()
    run = world.submit(max_retries=1)
    for state in reported:
        world.report(world.lease_of(run), state)
    return run


def _waits_for_a_slot(world: World) -> Run:
    world.agent()
    world.submit()
    return world.submit()


def _waits_for_its_experiment(world: World) -> Run:
    world.core.experiments.create("default", "iris")
    world.core.experiments.update("default", "iris", 1)
    world.agent(slots=2)
    world.submit()
    return world.submit()


def _waits_for_its_next_attempt(world: World) -> Run:
    run = _with_agent(world, State.RUNNING)
    world.core.leases.finish(world.lease_of(run), Outcome(State.FAILED, RunError(ErrorCode.SYSTEM, "gone")))
    return run


def _in_its_second_attempt(world: World) -> Run:
    run = _waits_for_its_next_attempt(world)
    world.clock.advance(10)
    world.core.leases.renew("a1", [])
    world.core.retries.begin_due()
    return run


def _not_responding(world: World) -> Run:
    run = _with_agent(world, State.RUNNING)
    world.clock.advance(DURATION / 2 + 1)
    world.core.leases.look_after()
    return run


def _asked_already(world: World) -> Run:
    run = _with_agent(world, State.RUNNING)
    cancel(world, run)
    return run


def _ended(state: State) -> Callable[[World], Run]:
    def end(world: World) -> Run:
        run = _with_agent(world, State.RUNNING)
        world.finish(world.lease_of(run), state)
        return run

    return end


WAYS: dict[str, tuple[Callable[[World], Run], State, State]] = {
    "preparing": (lambda world: world.submit_preparing(), State.PREPARING, State.CANCELED),
    "no agent": (lambda world: world.submit(), State.PROVISIONING, State.CANCELED),
    "no slot": (_waits_for_a_slot, State.QUEUED, State.CANCELED),
    "bounded": (_waits_for_its_experiment, State.QUEUED, State.CANCELED),
    "backing off": (_waits_for_its_next_attempt, State.QUEUED, State.CANCELED),
    "starting": (_with_agent, State.QUEUED, State.CANCEL_REQUESTED),
    "again": (_in_its_second_attempt, State.QUEUED, State.CANCEL_REQUESTED),
    "running": (lambda world: _with_agent(world, State.RUNNING), State.RUNNING, State.CANCEL_REQUESTED),
    "not responding": (_not_responding, State.NOT_RESPONDING, State.CANCEL_REQUESTED),
    "finalizing": (lambda world: _with_agent(world, State.FINALIZING), State.FINALIZING, State.FINALIZING),
    "asked": (_asked_already, State.CANCEL_REQUESTED, State.CANCEL_REQUESTED),
    "completed": (_ended(State.COMPLETED), State.COMPLETED, State.COMPLETED),
    "failed": (_ended(State.FAILED), State.QUEUED, State.CANCELED),
    "canceled": (_ended(State.CANCELED), State.CANCELED, State.CANCELED),
}


@pytest.mark.parametrize("way", WAYS)
def test_in_every_state_a_run_can_be_canceled_and_ends(world: World, way: str) -> None:
    """At once where no agent has it, else when its agent says so, or is lost; nothing waits any more then."""
    make, before, after = WAYS[way]
    run = make(world)
    assert world.get(run).state is before
    assert cancel(world, run).state is after
    assert cancel(world, run).state is after
    if after not in FINAL:
        world.clock.advance(DURATION + MARGIN + 1)
        world.core.leases.look_after()
    ended = world.get(run)
    assert ended.state is (after if after in FINAL else State.CANCELED)
    world.agent("a9", slots=9)
    world.clock.advance(1)
    assert world.core.retries.begin_due() is None
    assert run.key not in [lease.run.key for lease in world.core.leases.of_agent("a9")]
    with world.core.store.look() as connection:
        assert connection.execute(runs.select().where(runs.c.slot.is_not(None))).first() is None
