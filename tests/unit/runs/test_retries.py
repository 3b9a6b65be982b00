"""Another attempt: after failures that are not the program's, and where it was asked for."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris_runs.labels import Update
from orris_runs.leases import Outcome
from orris_runs.limits import TAGS
from orris_runs.model import (
    STD_LOG,
    ChildEvent,
    End,
    ErrorCode,
    Event,
    Kind,
    MetricPoint,
    MetricType,
    NewRun,
    Program,
    PropertyChange,
    Run,
    RunError,
    TagChange,
)
from orris_runs.reading import RunQuery
from orris_runs.retries import LONGEST_SECONDS, back_off
from orris_runs.schema import labels_before
from orris_runs.states import State

from .conftest import DURATION, MARGIN, World

OURS = RunError(ErrorCode.SYSTEM, "the engine is gone")


def fail(world: World, lease: str, error: RunError = OURS) -> None:
    world.core.leases.finish(lease, Outcome(State.FAILED, error))


def next_attempt(world: World) -> None:
    wait = world.core.retries.begin_due()
    assert wait is not None
    world.clock.advance(wait + 0.001)
    assert world.core.retries.begin_due() is None


def point(value: float) -> MetricPoint:
    return MetricPoint("loss", MetricType.SCALAR, datetime(2026, 1, 1, tzinfo=UTC), value=value)


def values(world: World, run: Run) -> list[Any]:
    return [each.value for each in world.core.events.list_metrics("default", run.id, "", 100, "").items]


def log_of(world: World, run: Run, file: str = STD_LOG) -> bytes:
    return world.core.logs.read("default", run.id, file, 0).data


def test_a_failure_of_orriss_own_is_repeated_after_a_while(world: World) -> None:
    world.agent()
    run, lease = world.start(max_retries=2)
    fail(world, lease)
    waiting = world.get(run)
    assert (waiting.state, waiting.agent, waiting.attempt, waiting.start_time) == (State.QUEUED, "", 2, None)
    assert waiting.state_reason.startswith("the next one begins at 2026-01-01 00:00:0")
    assert waiting.state_reason.endswith("attempt 1 of 3 failed: the engine is gone")
    assert world.core.leases.of_agent("a1") == []
    next_attempt(world)
    assert world.get(run).agent == "a1"
    world.finish(world.lease_of(run))
    done = world.get(run)
    assert (done.state, done.error) == (State.COMPLETED, None)
    (failed,) = done.failed_attempts
    assert (failed.number, failed.agent, failed.error) == (1, "a1", OURS)


def test_the_slot_is_free_for_others_meanwhile(world: World) -> None:
    world.agent()
    _, lease = world.start(max_retries=1)
    other = world.submit()
    fail(world, lease)
    assert world.get(other).agent == "a1"


@pytest.mark.parametrize(
    ("code", "started", "repeated"),
    [
        (ErrorCode.SYSTEM, True, True),
        (ErrorCode.AGENT_LOST, True, True),
        (ErrorCode.ENVIRONMENT, False, True),
        (ErrorCode.ENVIRONMENT, True, False),
        (ErrorCode.USER_PROGRAM, True, False),
        (ErrorCode.TIME_LIMIT, True, False),
        (ErrorCode.OUT_OF_MEMORY, True, False),
    ],
)
def test_what_the_program_did_is_never_repeated(world: World, code: ErrorCode, started: bool, repeated: bool) -> None:
    world.agent()
    run = world.submit(max_retries=5)
    lease = world.lease_of(run)
    if started:
        world.report(lease, State.RUNNING)
    fail(world, lease, RunError(code, "why"))
    assert world.get(run).state is (State.QUEUED if repeated else State.FAILED)


def test_without_retries_nothing_is_executed_twice(world: World) -> None:
    world.agent()
    run, lease = world.start()
    fail(world, lease)
    assert (world.get(run).state, world.get(run).error) == (State.FAILED, OURS)
    assert world.core.retries.begin_due() is None


def test_the_last_attempts_failure_is_the_runs(world: World) -> None:
    world.agent()
    run, lease = world.start(max_retries=1)
    fail(world, lease)
    next_attempt(world)
    last = RunError(ErrorCode.SYSTEM, "again")
    fail(world, world.lease_of(run), last)
    ended = world.get(run)
    assert (ended.state, ended.error, ended.attempt) == (State.FAILED, last, 2)


def test_a_lost_agents_run_goes_to_another(world: World) -> None:
    world.agent("a1")
    run, lease = world.start(max_retries=1)
    world.clock.advance(DURATION / 2 + 1)
    world.core.leases.look_after()
    world.agent("a2")
    world.clock.advance(DURATION / 2 + MARGIN)
    world.core.leases.renew("a2", [])
    world.core.leases.look_after()
    assert world.get(run).failed_attempts[0].error.code is ErrorCode.AGENT_LOST
    world.core.leases.renew("a2", [])
    next_attempt(world)
    assert world.get(run).agent == "a2"
    with pytest.raises(FailedPrecondition, match="no longer held"):
        world.finish(lease)


def test_a_restart_forgets_no_attempt(world: World) -> None:
    world.agent()
    run, lease = world.start(max_retries=1)
    fail(world, lease)
    world.reopen()
    world.agent()
    next_attempt(world)
    assert (world.get(run).agent, world.get(run).attempt) == ("a1", 2)


def test_the_log_goes_on_and_the_metrics_are_those_of_the_last_attempt(world: World) -> None:
    world.agent()
    run, lease = world.start(max_retries=1)
    assert world.core.logs.append(lease, STD_LOG, 0, b"first\n", True).size == 6
    world.core.events.append(lease, 0, [point(1), point(2)])
    assert not world.core.logs.read("default", run.id, STD_LOG, 6).end
    fail(world, lease)
    next_attempt(world)
    lease = world.lease_of(run)
    assert world.core.logs.append(lease, STD_LOG, 0, b"sec", False).size == 3
    assert world.core.logs.append(lease, STD_LOG, 0, b"second\n", True).size == 7
    assert world.core.events.append(lease, 0, [point(3)]) == 1
    world.finish(lease)
    lines = log_of(world, run).decode().splitlines()
    assert lines == [
        "first",
        "--- orris: attempt 1 of 2 failed: the engine is gone; another one follows ---",
        "second",
    ]
    assert world.core.logs.read("default", run.id, STD_LOG, 0).end
    assert values(world, run) == [3]


def test_what_the_program_says_of_its_run_is_of_the_last_attempt(world: World) -> None:
    """A property never changes: one of the attempt before would be another's."""
    world.agent()
    run, lease = world.start(max_retries=2, tags={"team": "a"}, properties={"given": "1"})
    own: list[Event] = [PropertyChange("when", "10:00"), PropertyChange("given", "1")]
    world.core.events.append(lease, 0, [*own, TagChange("own", "1"), TagChange("own", "2")])
    fail(world, lease)
    assert (world.get(run).tags, world.get(run).properties) == ({"team": "a"}, {"given": "1"})
    next_attempt(world)
    lease = world.lease_of(run)
    world.core.events.append(lease, 0, [PropertyChange("when", "11:00")])
    world.finish(lease)
    assert world.get(run).properties == {"given": "1", "when": "11:00"}
    assert world.get(run).warnings == []


def test_tags_that_the_program_changed_or_removed_are_what_they_were(world: World) -> None:
    world.agent()
    run, lease = world.start(max_retries=1, tags={"rate": "0.1", "team": "a", "kept": "1"})
    again: list[Event] = [TagChange("rate", "0.2"), TagChange("rate", "0.3"), TagChange("team", None)]
    world.core.events.append(lease, 0, [*again, TagChange("kept", None), TagChange("kept", "1")])
    fail(world, lease)
    assert world.get(run).tags == {"rate": "0.1", "team": "a", "kept": "1"}


def test_what_others_set_meanwhile_stays(world: World) -> None:
    """Also where the program had set the same before, or changes it afterwards."""
    world.agent()
    run, lease = world.start(max_retries=1, tags={"gone": "1"})
    own: list[Event] = [
        PropertyChange("p", "1"),
        TagChange("a", "own"),
        TagChange("b", "own"),
        TagChange("gone", "own"),
    ]
    world.core.events.append(lease, 0, own)
    said = Update({"a": "said", "c": "said"}, ["gone"], {"p": "1", "q": "2"})
    world.core.labels.update("default", run.id, said)
    world.core.events.append(lease, 4, [TagChange("c", "own")])
    fail(world, lease)
    assert (world.get(run).tags, world.get(run).properties) == ({"a": "said", "c": "said"}, {"p": "1", "q": "2"})


def test_no_more_labels_are_remembered_than_a_run_may_have(world: World) -> None:
    world.agent()
    _, lease = world.start(max_retries=1)
    events: list[Event] = []
    for number in range(3 * TAGS):
        events += [TagChange(f"t{number}", "1"), TagChange(f"t{number}", None)]
    world.core.events.append(lease, 0, events)
    with world.core.store.look() as connection:
        assert connection.execute(sa.select(labels_before)).all() == []


def part(world: World, parent: Run, holder: Run) -> Run:
    """Return a run that a program begins as a part of the run that it is, below it or another part."""
    begun = NewRun("default", "iris", Program(), kind=Kind.INTERACTIVE, parent_run=parent.name)
    return world.core.interactive.begin(world.core.submission.new_id("iris"), begun, "", holder.id)[0]


def children(world: World, run: Run) -> list[str]:
    page = world.core.reading.page(RunQuery("default", parent_run=run.name, archived=(False, True)), 100, "")
    return [each.id for each in page.items]


def test_the_parts_of_a_run_are_those_of_the_last_attempt(world: World) -> None:
    """Ended or not, as its metrics are; what it submitted is a run of its own, and stays."""
    world.agent()
    run, lease = world.start(max_retries=1)
    done, unended = part(world, run, run), part(world, run, run)
    below = part(world, unended, run)
    own = world.submit(parent_run=run.name)
    world.core.events.append(lease, 0, [ChildEvent(done.id, End(State.COMPLETED)), ChildEvent(done.id, point(1))])
    fail(world, lease)
    assert children(world, run) == [own.id]
    for each in (done, unended, below):
        with pytest.raises(NotFound):
            world.get(each)
    assert {each.run for each in world.core.loose.due()} >= {done.id, unended.id, below.id}, "their files are released"
    with pytest.raises(FailedPrecondition, match="waits for another attempt"):
        part(world, run, run)
    world.finish(world.lease_of(own))
    next_attempt(world)
    last = part(world, run, run)
    world.finish(world.lease_of(run))
    assert children(world, run) == [last.id, own.id]
    assert world.get(last).state is State.COMPLETED


def test_a_part_that_a_run_of_its_own_is_below_stays_and_has_failed(world: World) -> None:
    world.agent()
    run, lease = world.start(max_retries=1)
    above, beside = part(world, run, run), part(world, run, run)
    parent = part(world, above, run)
    own = world.submit(parent_run=parent.name)
    fail(world, lease)
    assert (children(world, run), children(world, parent)) == ([above.id], [own.id])
    for each in (above, parent):
        ended = world.get(each)
        assert (ended.state, ended.error and ended.error.code) == (State.FAILED, ErrorCode.SYSTEM)
        assert f"attempt 1 of {run.id}" in (ended.error.message if ended.error else "")
    with pytest.raises(NotFound):
        world.get(beside)


def test_every_log_says_where_the_next_attempt_begins(world: World) -> None:
    """On a line of its own, whatever the last one broke off at."""
    world.agent()
    run, lease = world.start(max_retries=2)
    world.core.logs.append(lease, "logs/whole.txt", 0, b"first\n", False)
    world.core.logs.append(lease, "logs/broken.txt", 0, b"fir", False)
    world.core.logs.append(lease, "logs/empty.txt", 0, b"", False)
    fail(world, lease)
    next_attempt(world)
    lease = world.lease_of(run)
    for file in ("whole", "broken", "empty"):
        world.core.logs.append(lease, f"logs/{file}.txt", 0, b"second\n", True)
    world.finish(lease)
    line = "--- orris: attempt 1 of 3 failed: the engine is gone; another one follows ---"
    assert log_of(world, run, "logs/whole.txt").decode().splitlines() == ["first", line, "second"]
    assert log_of(world, run, "logs/broken.txt").decode().splitlines() == ["fir", line, "second"]
    assert log_of(world, run, "logs/empty.txt") == b"second\n"


def test_a_run_that_waits_for_its_next_attempt_is_canceled_at_once(world: World) -> None:
    world.agent()
    run, lease = world.start(max_retries=1)
    fail(world, lease)
    assert world.core.cancellation.cancel("default", run.id, "me").state is State.CANCELED
    assert world.core.retries.begin_due() is None


def test_what_is_being_canceled_is_not_repeated(world: World) -> None:
    world.agent()
    run, lease = world.start(max_retries=1)
    world.core.cancellation.cancel("default", run.id, "me")
    fail(world, lease)
    assert world.get(run).state is State.FAILED


def test_to_cancel_while_outputs_are_kept_ends_the_attempts_too(world: World) -> None:
    world.agent()
    run, lease = world.start(max_retries=1)
    world.report(lease, State.FINALIZING)
    world.core.cancellation.cancel("default", run.id, "me")
    fail(world, lease)
    assert world.get(run).state is State.FAILED


def test_times_double_up_to_a_bound_and_half_of_them_is_chance() -> None:
    assert [back_off(attempt, 1) for attempt in (1, 2, 3)] == [2, 4, 8]
    assert back_off(1, 0) == 1
    assert back_off(100, 1) == LONGEST_SECONDS


@pytest.mark.parametrize(
    "changed", [{"max_retries": -1}, {"max_retries": 101}, {"kind": Kind.REPLICA, "max_retries": 1}]
)
def test_retries_that_are_none_are_refused(world: World, changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="run\\.max_retries"):
        world.submit(**changed)
