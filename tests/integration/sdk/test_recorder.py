"""What an interactive run is told arrives once, in order, whatever happens on the way."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from orris import Experiment, Workspace
from orris.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument, OrrisError, Unavailable
from orris.runs.v1 import runs_pb2
from orris.sdk import recorder
from orris.sdk.interactive import InteractiveRun
from tests.fakes.services.server import FakeOrris


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "FIRST_PAUSE", 0.01)


@pytest.fixture
def run(lab: Workspace) -> InteractiveRun:
    return Experiment(lab, "notebook").start_logging(outputs=None, snapshot_directory=None)


def values(server: FakeOrris, run: InteractiveRun) -> list[float]:
    return [event.metric.value.integer for event in server.runs.recorded.get(run.resource_name, [])]


def test_many_are_sent_together_and_in_order(server: FakeOrris, run: InteractiveRun) -> None:
    for number in range(1000):
        run.log("a", number)
    run.flush()
    assert values(server, run) == list(range(1000))
    posts = server.called("RecordRunEvents")
    assert len(posts) < 1000
    assert max(len(post.request.events) for post in posts) <= recorder.MOST_IN_A_POST


def test_a_post_whose_answer_was_lost_is_sent_again_and_kept_once(server: FakeOrris, run: InteractiveRun) -> None:
    for number in range(3):
        server.fail_next("RecordRunEvents", Unavailable("lost"))
        run.log("a", number)
        run.flush()
    assert values(server, run) == [0, 1, 2]


def test_threads_may_log_at_once(server: FakeOrris, run: InteractiveRun) -> None:
    def log() -> None:
        for number in range(200):
            run.log("a", number)

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.complete()
    assert sorted(values(server, run)) == sorted([*range(200)] * 4)
    assert server.runs.runs[run.resource_name].state == runs_pb2.Run.STATE_COMPLETED


def test_who_logs_to_a_run_that_ended_elsewhere_is_told(server: FakeOrris, run: InteractiveRun) -> None:
    server.runs.end(run.resource_name, runs_pb2.Run.STATE_CANCELED)
    run.log("a", 1)
    with pytest.raises(FailedPrecondition):
        run.flush()
    with pytest.raises(FailedPrecondition):
        run.log("a", 2)
    with pytest.raises(OrrisError):
        run.complete()


def test_a_flush_that_takes_too_long_says_what_is_left(
    server: FakeOrris, run: InteractiveRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(50):
        server.fail_next("RecordRunEvents", Unavailable("down"))
    run.log("a", 1)
    with pytest.raises(DeadlineExceeded, match="1 events"):
        run.flush(timeout_seconds=0.05)
    run._recorder.close()


def test_a_forked_child_is_told_where_to_log(run: InteractiveRun) -> None:
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            run.log("a", 1)
        except FailedPrecondition as error:
            os.write(writing, error.reason.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as told:
        assert told.read() == "OTHER_PROCESS"


@pytest.mark.parametrize(
    "call",
    [
        lambda run: run.log("", 1),
        lambda run: run.log("x" * 256, 1),
        lambda run: run.log("a", [1, 2]),
        lambda run: run.log("a", 1, step=0.5),
        lambda run: run.log_list("a", "text"),
        lambda run: run.log_row("a"),
        lambda run: run.log_table("a", [1]),
        lambda run: run.log_image("a"),
        lambda run: run.log_residuals("a", {"schema_type": "predictions", "schema_version": "1", "data": {}}),
        lambda run: run.upload_files(["a"], []),
        lambda run: run.upload_file("../a", __file__),
        lambda run: run.create_children(),
    ],
)
def test_bad_input_changes_nothing(
    server: FakeOrris, run: InteractiveRun, call: Callable[[InteractiveRun], object]
) -> None:
    with pytest.raises(InvalidArgument):
        call(run)
    run.flush()
    assert values(server, run) == []
