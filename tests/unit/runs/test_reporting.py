"""One report of a run: all of it is stored or none, said again it changes nothing; the answer says where to go on."""

from datetime import timedelta

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, OutOfRange
from orris_runs.leases import Outcome
from orris_runs.limits import LOG_APPEND_BYTES
from orris_runs.logs import Taken, Written
from orris_runs.model import MetricPoint, MetricType, Run, UsageSample
from orris_runs.reporting import News, Report
from orris_runs.states import State

from .conftest import FakeClock, World

POINT = MetricPoint("accuracy", MetricType.SCALAR, FakeClock.time, value=0.5)
SAMPLE = UsageSample(FakeClock.time, 1, 2)
LATER = UsageSample(FakeClock.time + timedelta(seconds=1), 2, 2)
NEWS = News([Written("a.txt", 0, b"one"), Written("b.txt", 0, b"two", end=True)], events=[POINT], samples=[SAMPLE])
WHOLE = Report(state=State.RUNNING, warnings=["a warning"], news=NEWS)


def stored(world: World, run: Run) -> tuple[object, ...]:
    known = world.get(run)
    return (
        known.state,
        known.warnings,
        [(log.file, log.size, log.complete) for log in world.core.logs.list("default", run.id)],
        len(world.core.events.list_metrics("default", run.id, "", 10, "").items),
        len(world.core.usage.list("default", run.id)),
    )


def test_a_report_brings_everything_and_said_again_changes_nothing(world: World) -> None:
    world.agent()
    run, lease = world.start()
    for _ in range(2):
        heard = world.core.reporting.report(lease, WHOLE)
        assert (heard.cancel, heard.logs, heard.next_sequence) == (False, [Taken(3), Taken(3)], 1)
        known = stored(world, run)
        assert known == (State.RUNNING, ["a warning"], [("a.txt", 3, False), ("b.txt", 3, True)], 1, 1)
    world.reopen()
    assert stored(world, run) == known


def test_what_does_not_follow_is_left_out_and_the_answer_says_where_to_go_on(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.reporting.report(lease, WHOLE)
    gap = News([Written("a.txt", 9, b"x"), Written("b.txt", 3, b"", end=True)], first_sequence=5, events=[POINT])
    heard = world.core.reporting.report(lease, Report(news=gap))
    assert (heard.logs, heard.next_sequence) == ([Taken(3), Taken(3)], 1)
    assert stored(world, run)[2:] == ([("a.txt", 3, False), ("b.txt", 3, True)], 1, 1)


def test_an_empty_report_asks_where_to_go_on_and_leaves_the_state(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.reporting.report(lease, WHOLE)
    heard = world.core.reporting.report(lease, Report(news=News([Written("a.txt", 0, b"")])))
    assert (heard.logs, heard.next_sequence) == ([Taken(3)], 1)
    assert world.get(run).state is State.RUNNING


def test_a_report_that_is_refused_in_one_part_stores_nothing_of_the_others(world: World) -> None:
    world.agent()
    run, lease = world.start()
    before = stored(world, run)
    with pytest.raises(InvalidArgument):
        world.core.reporting.report(
            lease, Report(state=State.COMPLETED, news=News([Written("a.txt", 0, b"one")], events=[POINT]))
        )
    world.core.reporting.report(lease, Report(news=News([Written("c.txt", 0, b"", end=True)])))
    with pytest.raises(FailedPrecondition, match=r"end of c\.txt"):
        world.core.reporting.report(lease, Report(news=News([Written("c.txt", 0, b"behind")], events=[POINT])))
    assert stored(world, run)[3:] == before[3:]


def test_logs_together_have_a_limit(world: World) -> None:
    world.agent()
    _, lease = world.start()
    half = bytes(LOG_APPEND_BYTES // 2 + 1)
    with pytest.raises(InvalidArgument, match="1 MiB together"):
        world.core.reporting.report(lease, Report(news=News([Written(name, 0, half) for name in "ab"])))


def test_a_run_that_is_to_be_canceled_is_told_so(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.cancellation.cancel("default", run.id, "somebody")
    assert world.core.reporting.report(lease, Report()).cancel


def test_the_end_of_a_run_takes_along_what_it_wrote_last_and_said_again_changes_nothing(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.reporting.report(lease, WHOLE)
    last = News([Written("a.txt", 3, b"!", end=True)], first_sequence=1, events=[POINT], samples=[LATER])
    for _ in range(2):
        world.core.store.together(world.core.reporting.finishing(lease, last, Outcome(State.COMPLETED)))
        known = stored(world, run)
        assert known == (State.COMPLETED, ["a warning"], [("a.txt", 4, True), ("b.txt", 3, True)], 2, 2)
    world.reopen()
    assert stored(world, run) == known


@pytest.mark.parametrize(
    "gap",
    [
        News([Written("c.txt", 0, b"new", end=True), Written("a.txt", 9, b"x", end=True)]),
        News([Written("c.txt", 0, b"new", end=True)], first_sequence=5, events=[POINT]),
    ],
    ids=["log", "events"],
)
def test_an_end_that_takes_along_what_does_not_follow_changes_nothing(world: World, gap: News) -> None:
    world.agent()
    run, lease = world.start()
    world.core.reporting.report(lease, WHOLE)
    before = stored(world, run)
    with pytest.raises(OutOfRange):
        world.core.store.together(world.core.reporting.finishing(lease, gap, Outcome(State.COMPLETED)))
    assert stored(world, run) == before


def test_what_an_end_takes_along_has_the_limits_of_a_report(world: World) -> None:
    half = bytes(LOG_APPEND_BYTES // 2 + 1)
    with pytest.raises(InvalidArgument, match="1 MiB together"):
        world.core.reporting.finishing("l", News([Written(name, 0, half) for name in "ab"]), Outcome(State.COMPLETED))
