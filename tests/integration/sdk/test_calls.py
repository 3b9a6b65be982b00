"""What every call carries, when it is sent again, and what its errors become."""

from __future__ import annotations

import os

import pytest

from orris import Connection, Run, Workspace
from orris.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OrrisError,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from orris.runs.v1 import runs_service_pb2
from orris.sdk.interceptor import CALL_SECONDS
from orris.sdk.tokens import create_token
from tests.fakes.services.server import TOKEN, FakeOrris

REQUEST = runs_service_pb2.GetRunRequest(name="workspaces/lab/runs/r")


@pytest.fixture
def run(server: FakeOrris, lab: Workspace) -> Run:
    server.runs.add(REQUEST.name)
    return Run.get(lab, "r")


def test_a_call_carries_the_token_and_a_request_id_of_its_own(server: FakeOrris, run: Run) -> None:
    run.refresh()
    first, second = server.called("GetRun")
    assert first.metadata["authorization"] == f"Bearer {TOKEN}"
    assert first.metadata["x-request-id"] != second.metadata["x-request-id"]


def test_a_call_gets_a_deadline_and_the_callers_own_is_kept(server: FakeOrris, lab: Workspace, run: Run) -> None:
    lab.connection.runs.GetRun(REQUEST, timeout=300)
    lab.connection.runs.GetRun(REQUEST, timeout=10)
    # What is left of each on arrival: at most what was given, which gRPC rounds up; how much less does not matter.
    default, long, short = (call.seconds or 0 for call in server.called("GetRun"))
    assert 0 < short <= 11 < default <= CALL_SECONDS + 1 < long <= 301


def test_a_watch_has_no_deadline(server: FakeOrris, run: Run) -> None:
    server.runs.end(run.resource_name)
    run.wait_for_completion()
    assert server.called("WatchRun")[0].seconds is None


def test_out_of_reach_for_a_moment_is_not_noticed(server: FakeOrris, run: Run) -> None:
    server.fail_next("GetRun", Unavailable("restarting"), times=2)
    assert run.refresh().id == "r"
    assert len(server.called("GetRun")) == 4


def test_what_is_not_idempotent_is_sent_once(server: FakeOrris) -> None:
    server.fail_next("CreateToken", Unavailable("restarting"))
    with pytest.raises(Unavailable, match="restarting"):
        create_token("lab", "reader", 1)
    assert len(server.called("CreateToken")) == 1


@pytest.mark.parametrize(
    "error",
    [
        InvalidArgument("script: no such file", field="run.script"),
        PermissionDenied("not yours", reason="OTHER_WORKSPACE"),
        FailedPrecondition("it runs", reason="RUN_NOT_FINISHED", metadata={"run": "r"}),
        ResourceExhausted("full", retry_after=2.5),
    ],
)
def test_the_error_raised_is_the_servers(server: FakeOrris, run: Run, error: OrrisError) -> None:
    server.fail_next("GetRun", error)
    with pytest.raises(type(error)) as caught:
        run.refresh()
    assert (caught.value.message, caught.value.reason, caught.value.metadata) == (
        error.message, error.reason, error.metadata,
    )  # fmt: skip
    assert getattr(caught.value, "violations", None) == getattr(error, "violations", None)


def test_errors_in_the_middle_of_a_stream_are_the_same(server: FakeOrris, run: Run) -> None:
    server.fail_next("ReadRunLog", PermissionDenied("not yours"))
    server.runs.write(run.resource_name, b"data")
    with pytest.raises(PermissionDenied, match="not yours"):
        run.get_logs()


def test_no_answer_in_time_says_which_call_and_how_long(server: FakeOrris, lab: Workspace) -> None:
    server.delay_next("GetRun", 0.5)
    with pytest.raises(DeadlineExceeded, match=r"0\.1 s to answer GetRun"):
        lab.connection.runs.GetRun(REQUEST, timeout=0.1)


def test_nobody_there_says_where() -> None:
    """And does not wait for somebody until the deadline: that would be DeadlineExceeded."""
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1: check"):
        Connection("127.0.0.1:1", "t").runs.GetRun(REQUEST)


def test_a_wrong_token_is_unauthenticated(server: FakeOrris) -> None:
    with pytest.raises(Unauthenticated):
        Connection(server.address, "wrong").runs.GetRun(REQUEST)


def test_a_service_may_be_elsewhere(server: FakeOrris, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_RUNS_ADDRESS", server.address)
    with pytest.raises(NotFound):
        Run.get(Workspace("lab", "127.0.0.1:1"), "none")


def test_connections_of_one_address_share_a_channel(server: FakeOrris) -> None:
    from orris.sdk.channel import shared_channel

    assert shared_channel(server.address, "a") is shared_channel(server.address, "a")
    assert shared_channel(server.address, "a") is not shared_channel(server.address, "b")


def test_a_forked_child_calls_too(server: FakeOrris, run: Run) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, run.refresh().id.encode())
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 100) == b"r"
    os.waitpid(child, 0)
    assert run.refresh().id == "r"
