"""Interactive runs: RUNNING from the start, held by a session, ended by their programs, or for their silence."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.errors import Conflict, FailedPrecondition, InvalidArgument, NotFound
from orris.names import RunName
from orris_runs.limits import SESSION_PATIENCE_SECONDS, SESSION_SECONDS
from orris_runs.model import (
    ChildEvent,
    End,
    ErrorCode,
    Event,
    Kind,
    MetricPoint,
    MetricType,
    NewRun,
    Run,
    RunError,
    TagChange,
)
from orris_runs.points import to_point, to_row
from orris_runs.states import State

from .conftest import NEW, TREE, World

NOTEBOOK = NewRun("default", "iris", NEW.program.__class__(), kind=Kind.INTERACTIVE)
OTHER_TREE = f"workspaces/default/trees/{'b' * 64}"


def begin(world: World, session: str = "", caller: str | None = None, **changed: Any) -> tuple[Run, str]:
    from dataclasses import replace

    new = replace(NOTEBOOK, **changed)
    world.core.submission.check(new)
    return world.core.interactive.begin(world.core.submission.new_id("iris"), new, session, caller)


def point(world: World, name: str, value: Any) -> MetricPoint:
    return MetricPoint(name, MetricType.SCALAR, world.clock.now(), value=value)


def metrics_of(world: World, run: Run) -> list[tuple[str, Any]]:
    page = world.core.events.list_metrics("default", run.id, "", 100, "")
    return [(each.metric, each.value) for each in page.items]


def test_it_runs_from_the_start_and_no_agent_gets_it(world: World) -> None:
    world.agent()
    run, session = begin(world)
    assert (run.state, run.start_time, run.agent) == (State.RUNNING, world.clock.now(), "")
    assert session
    assert world.core.leases.of_agent("a1") == []
    assert world.core.interactive.end("default", run.id, session, State.COMPLETED, None).state is State.COMPLETED
    again = world.core.interactive.end("default", run.id, session, State.COMPLETED, None)
    assert again.end_time == world.clock.now(), "the same end again changes nothing"
    with pytest.raises(FailedPrecondition, match="has ended"):
        world.core.interactive.end("default", run.id, session, State.FAILED, None)


def test_it_has_no_program(world: World) -> None:
    with pytest.raises(InvalidArgument) as caught:
        begin(world, program=NEW.program, image=NEW.image)
    assert {each.field for each in caught.value.violations} == {"run.script", "run.image"}


def test_what_it_reports_needs_its_session(world: World) -> None:
    run, session = begin(world)
    record = world.core.interactive.record
    assert record("default", run.id, session, 0, [point(world, "a", 1), TagChange("k", "v")]) == 2
    assert record("default", run.id, session, 0, [point(world, "a", 1)]) == 2, "sent again"
    assert metrics_of(world, run) == [("a", 1)]
    assert world.get(run).tags == {"k": "v"}
    for wrong in ("", "0" * 32):
        with pytest.raises(FailedPrecondition) as caught:
            record("default", run.id, wrong, 2, [point(world, "b", 1)])
        assert caught.value.reason == "LEASE_LOST"
    with pytest.raises(NotFound):
        record("default", "none", session, 2, [])


def test_a_silent_one_does_not_respond_and_much_later_has_failed(world: World) -> None:
    run, session = begin(world)
    world.clock.advance(SESSION_PATIENCE_SECONDS + 1)
    world.core.leases.look_after()
    assert world.get(run).state is State.NOT_RESPONDING
    assert world.core.interactive.renew("default", run.id, session).state is State.RUNNING
    world.clock.advance(SESSION_SECONDS - 1)
    world.core.leases.look_after()
    assert world.get(run).state is State.NOT_RESPONDING
    world.clock.advance(2)
    world.core.leases.look_after()
    ended = world.get(run)
    assert ended.state is State.FAILED
    assert ended.error is not None
    assert ended.error.code is ErrorCode.AGENT_LOST
    with pytest.raises(FailedPrecondition):
        world.core.interactive.renew("default", run.id, session)


def test_a_restarted_service_waits_anew(world: World) -> None:
    run, session = begin(world)
    world.clock.advance(SESSION_SECONDS - 1)
    world.reopen()
    world.clock.advance(SESSION_PATIENCE_SECONDS + 1)
    world.core.leases.look_after()
    assert world.get(run).state is State.NOT_RESPONDING
    world.reopen()
    assert world.core.interactive.renew("default", run.id, session).state is State.RUNNING


def test_somebody_else_cancels_it_at_once(world: World) -> None:
    run, session = begin(world)
    assert world.core.cancellation.cancel("default", run.id, "ada", "enough").state is State.CANCELED
    with pytest.raises(FailedPrecondition):
        world.core.interactive.record("default", run.id, session, 0, [point(world, "a", 1)])


def test_parts_report_through_the_run_and_end_with_it(world: World) -> None:
    run, session = begin(world)
    child, own = begin(world, session, parent_run=run.name)
    grandchild, _ = begin(world, session, parent_run=child.name)
    early, _ = begin(world, session, parent_run=run.name)
    assert own == ""
    events: list[Event] = [
        ChildEvent(child.id, point(world, "a", 1)),
        point(world, "a", 2),
        ChildEvent(grandchild.id, point(world, "a", 3)),
        ChildEvent(early.id, End(State.FAILED, RunError(ErrorCode.USER_PROGRAM, "no luck", label="Luck"))),
        ChildEvent(early.id, point(world, "a", 4)),
        ChildEvent("stranger", point(world, "a", 5)),
    ]
    assert world.core.interactive.record("default", run.id, session, 0, events) == 6
    assert [metrics_of(world, each) for each in (run, child, grandchild)] == [[("a", 2)], [("a", 1)], [("a", 3)]]
    failed = world.get(early)
    assert failed.error is not None
    assert (failed.state, failed.error.message, failed.error.label) == (State.FAILED, "no luck", "Luck")
    assert metrics_of(world, early) == [], "nothing comes after an end"
    assert len(world.get(run).warnings) == 2
    world.core.interactive.end("default", run.id, session, State.CANCELED, None)
    assert [world.get(each).state for each in (child, grandchild, early)] == [
        State.CANCELED,
        State.CANCELED,
        State.FAILED,
    ]


def test_a_leased_run_holds_the_parts_that_it_began(world: World) -> None:
    world.agent()
    parent, lease = world.start()
    child, own = begin(world, caller=parent.id, parent_run=parent.name)
    assert own == ""
    world.core.events.append(lease, 0, [ChildEvent(child.id, point(world, "a", 1))])
    assert metrics_of(world, child) == [("a", 1)]
    world.clock.advance(SESSION_SECONDS + SESSION_PATIENCE_SECONDS)
    assert world.get(child).state is State.RUNNING, "it needs nobody to renew it"
    world.finish(lease, State.FAILED)
    ended = world.get(child)
    assert ended.state is State.FAILED
    assert ended.error is not None
    assert parent.id in ended.error.message


def test_a_child_that_somebody_else_begins_stands_alone(world: World) -> None:
    world.agent()
    parent, lease = world.start()
    child, own = begin(world, parent_run=parent.name)
    assert own
    world.finish(lease)
    assert world.get(child).state is State.RUNNING
    with pytest.raises(FailedPrecondition) as caught:
        begin(world, parent_run=parent.name)
    assert caught.value.reason == "PARENT_ENDED"


def test_nobody_becomes_part_of_a_run_without_its_session(world: World) -> None:
    run, _ = begin(world)
    with pytest.raises(FailedPrecondition):
        begin(world, "0" * 32, parent_run=run.name)
    with pytest.raises(InvalidArgument):
        begin(world, "0" * 32)
    child, own = begin(world, caller="another", parent_run=run.name)
    assert own
    assert world.core.reading.is_below(RunName("default", child.id), run.id)
    assert not world.core.reading.is_below(RunName("default", run.id), child.id)


def test_files_are_replaced_by_who_knows_those_before(world: World) -> None:
    run, _ = begin(world)
    name = RunName("default", run.id)
    world.core.interactive.check_may_keep(name, TREE, "")
    assert world.core.interactive.keep(name, TREE, "").outputs == TREE
    assert world.core.interactive.keep(name, TREE, "").outputs == TREE, "the same again"
    with pytest.raises(Conflict) as caught:
        world.core.interactive.keep(name, OTHER_TREE, "")
    assert caught.value.reason == "OUTPUTS_CHANGED"
    assert world.core.interactive.keep(name, OTHER_TREE, TREE).outputs == OTHER_TREE
    assert world.core.archive.needs(name).trees == [OTHER_TREE]


def test_files_of_a_run_that_an_agent_has_are_its_own(world: World) -> None:
    world.agent()
    run, lease = world.start()
    name = RunName("default", run.id)
    with pytest.raises(FailedPrecondition) as caught:
        world.core.interactive.keep(name, TREE, "")
    assert caught.value.reason == "RUN_ACTIVE"
    world.finish(lease)
    assert world.core.interactive.keep(name, TREE, "").outputs == TREE


def test_nothing_is_begun_twice_for_one_request(world: World) -> None:
    start = world.core.interactive.begin
    first, session = start(world.core.submission.new_id("iris"), NOTEBOOK, "", None, "r1", b"x")
    again, same = start(world.core.submission.new_id("iris"), NOTEBOOK, "", None, "r1", b"x")
    assert (first.id, session) == (again.id, same)


def test_a_summary_is_that_of_all_points(world: World) -> None:
    run, session = begin(world)
    values = [0.5, math.nan, -math.inf, "text", True, None, 3, math.nan]
    for number, value in enumerate(values):
        world.core.interactive.record("default", run.id, session, number, [point(world, "a", value)])
    world.core.interactive.record(
        "default", run.id, session, len(values), [point(world, "b", "x"), point(world, "c", math.inf)]
    )
    first = world.core.summaries.page("default", run.id, 2, "")
    a, b = first.items
    assert (a.metric, a.count, a.minimum, a.maximum, a.last.sequence) == ("a", 8, -math.inf, 3.0, 7)
    assert math.isnan(a.last.value)
    assert (b.count, b.minimum, b.maximum, b.last.value) == (1, None, None, "x")
    (c,) = world.core.summaries.page("default", run.id, 2, first.token_after(2)).items
    assert (c.minimum, c.maximum) == (math.inf, math.inf)


@given(
    value=st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    """Also -0.0, 1e300 and 1.0, which is not 1; of NaN there is one."""
    sent = MetricPoint("a", MetricType.SCALAR, datetime(2026, 1, 1, tzinfo=UTC), 3, value)
    back = to_point(tuple(to_row(1, 2, sent).values())).value
    assert (type(back), repr(back)) == (type(value), repr(value))
