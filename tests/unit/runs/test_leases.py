"""Leases: what is reported under a lease that is not held changes nothing."""

from datetime import timedelta

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris_runs.limits import ATTEMPTS
from orris_runs.model import Agent, ErrorCode, Kind, RunError
from orris_runs.states import State

from .conftest import DURATION, MARGIN, World


def expire(world: World) -> None:
    world.clock.advance(DURATION + MARGIN + 1)
    world.core.leases.look_after()


def test_a_run_goes_its_way_from_lease_to_completion(world: World) -> None:
    world.agent()
    run, lease = world.start()
    assert world.get(run).state is State.RUNNING
    world.report(lease, State.FINALIZING, "keeping outputs")
    assert world.get(run).state_reason == "keeping outputs"
    tree = f"workspaces/default/trees/{'b' * 64}"
    world.finish(lease, outputs=tree, left_behind=["model.pkl"])
    done = world.get(run)
    assert (done.state, done.outputs, done.left_behind) == (State.COMPLETED, tree, ["model.pkl"])
    assert done.start_time is not None
    assert done.end_time is not None
    assert world.core.leases.of_agent("a1") == []


def test_no_run_ends_before_it_begins_whatever_its_agent_says(world: World) -> None:
    world.agent()
    run, lease = world.start()
    began = world.get(run).start_time
    assert began is not None
    world.clock.advance(5)
    world.finish(lease, end_time=began - timedelta(seconds=1))
    assert world.get(run).end_time == began


def test_a_failure_says_why(world: World) -> None:
    world.agent()
    run, lease = world.start()
    error = RunError(ErrorCode.USER_PROGRAM, "exit code 1", 1, 0, "x" * 20_000)
    world.finish(lease, State.FAILED, error=error)
    found = world.get(run).error
    assert found is not None
    assert (found.code, found.exit_code, len(found.details)) == (ErrorCode.USER_PROGRAM, 1, 8192)


def test_finishing_again_the_same_way_changes_nothing(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.finish(lease)
    before = world.get(run)
    world.clock.advance(5)
    world.finish(lease)
    assert world.get(run) == before
    with pytest.raises(FailedPrecondition) as caught:
        world.finish(lease, State.FAILED)
    assert caught.value.reason == "LEASE_LOST"


def test_every_report_under_an_unknown_lease_is_refused(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.finish(lease)
    for report in (
        lambda: world.report(lease, State.RUNNING),
        lambda: world.core.logs.append(lease, "user_logs/std_log.txt", 0, b"x", False),
        lambda: world.core.events.append(lease, 0, []),
        lambda: world.finish("", State.COMPLETED),
    ):
        with pytest.raises(FailedPrecondition) as caught:
            report()
        assert caught.value.reason == "LEASE_LOST"
    assert world.core.logs.list("default", run.id) == []


def test_a_silent_agent_makes_its_run_not_responding_until_it_renews(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.clock.advance(DURATION / 2 + 1)
    world.core.leases.look_after()
    assert world.get(run).state is State.NOT_RESPONDING
    assert "a1" in world.get(run).state_reason
    assert world.core.leases.renew("a1", [lease]) == []
    assert world.get(run).state is State.RUNNING


def test_what_a_lost_lease_leaves_free_goes_to_the_run_that_is_next(world: World) -> None:
    world.agent("a2")
    first = world.submit()
    world.agent("a1")
    second = world.submit()
    assert second.agent == "a1"
    world.clock.advance(DURATION + MARGIN + 1)
    world.core.leases.renew("a1", [])
    world.core.leases.look_after()
    assert [world.get(run).agent for run in (first, second)] == ["a1", ""]


def test_renewing_keeps_a_lease_for_ever(world: World) -> None:
    world.agent()
    run, lease = world.start()
    for _ in range(20):
        world.clock.advance(DURATION / 3)
        world.core.leases.renew("a1", [lease])
        world.core.leases.look_after()
    assert world.get(run).state is State.RUNNING


def test_a_lease_is_not_void_before_the_margin_is_over(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.clock.advance(DURATION + MARGIN - 1)
    world.core.leases.look_after()
    assert not world.get(run).final
    assert world.core.leases.renew("a1", [lease]) == []


@pytest.mark.parametrize("kind", [Kind.TRAINING, Kind.CONVERSION, Kind.REPLICA])
def test_a_run_whose_agent_is_lost_fails_and_its_lease_is_void(world: World, kind: Kind) -> None:
    world.agent(replica_slots=1)
    run, lease = world.start(kind=kind)
    expire(world)
    lost = world.get(run)
    assert lost.state is State.FAILED
    assert lost.error is not None
    assert lost.error.code is ErrorCode.AGENT_LOST
    assert world.core.leases.renew("a1", [lease]) == [lease]
    for state in (State.FAILED, State.COMPLETED):
        with pytest.raises(FailedPrecondition):
            world.finish(lease, state)


def test_a_run_that_never_began_waits_again_and_gets_another_lease(world: World) -> None:
    world.agent("a1")
    run = world.submit()
    old = world.lease_of(run)
    expire(world)
    assert world.get(run).state is State.PROVISIONING
    world.agent("a2")
    assert world.lease_of(run, "a2") != old
    with pytest.raises(FailedPrecondition):
        world.report(old, State.RUNNING)


def test_a_run_of_which_a_log_was_seen_is_not_executed_twice(world: World) -> None:
    world.agent()
    run = world.submit()
    world.core.logs.append(world.lease_of(run), "user_logs/std_log.txt", 0, b"began", False)
    expire(world)
    assert world.get(run).state is State.FAILED


def test_a_run_that_loses_one_agent_after_another_is_given_up(world: World) -> None:
    run = world.submit()
    for number in range(ATTEMPTS):
        world.agent(f"a{number}")
        assert world.get(run).agent == f"a{number}"
        expire(world)
    assert world.get(run).state is State.FAILED


def test_after_a_restart_leases_have_their_whole_duration_again(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.clock.advance(1000)
    world.reopen()
    world.core.leases.look_after()
    assert world.get(run).state is State.RUNNING
    assert [each.id for each in world.core.leases.of_agent("a1")] == [lease]
    expire(world)
    assert world.get(run).state is State.FAILED


def test_what_was_not_responding_before_a_restart_is_back_with_a_renewal(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.clock.advance(DURATION / 2 + 1)
    world.core.leases.look_after()
    world.reopen()
    world.core.leases.renew("a1", [lease])
    assert world.get(run).state is State.RUNNING


def test_an_agent_cannot_renew_what_another_holds(world: World) -> None:
    world.agent("a1")
    world.agent("a2", slots=0)
    _, lease = world.start()
    assert world.core.leases.renew("a2", [lease]) == [lease]


def test_a_report_that_comes_late_does_not_take_a_run_back(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.report(lease, State.FINALIZING)
    world.report(lease, State.RUNNING)
    assert world.get(run).state is State.FINALIZING


def test_an_agent_may_not_report_other_states(world: World) -> None:
    world.agent()
    _, lease = world.start()
    for state in (State.CANCELED, State.PREPARING):
        with pytest.raises(InvalidArgument):
            world.report(lease, state)
    with pytest.raises(InvalidArgument):
        world.finish(lease, State.RUNNING)


def test_times_of_an_agents_clock_stay_between_creation_and_now(world: World) -> None:
    world.agent()
    run = world.submit()
    lease = world.lease_of(run)
    early = world.clock.now().replace(year=2000)
    world.report(lease, State.RUNNING, time=early)
    assert world.get(run).start_time == run.create_time


def test_an_agent_must_register_first(world: World) -> None:
    with pytest.raises(NotFound) as caught:
        world.core.leases.renew("nobody", [])
    assert caught.value.reason == "AGENT_NOT_FOUND"


@pytest.mark.parametrize("name", ["", "A", "a b", "a" * 64, "a/b", "ä"])
def test_ids_of_agents_are_checked(world: World, name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        world.core.agents.register(Agent(name, "local", 1, 1))
    assert caught.value.reason == "INVALID_NAME"


def test_a_list_of_agents_says_who_is_there_and_with_what(world: World) -> None:
    world.agent("a1")
    world.agent("a2")
    run = world.submit()
    world.core.agents.close_stream("a2", 1)
    (first, second), token = world.core.agents.list(10, "")
    assert (first.runs, first.connected) == ([run.name], True)
    assert (second.runs, second.connected, token) == ([], False, "")
