"""A report is made until it is heard, refused, or known to be of no use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orris.errors import DeadlineExceeded, FailedPrecondition, Internal, OrrisError, ResourceExhausted, Unavailable
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent import reports
from orris_agent.reports import LeaseLostError, Reports


class Server:
    """Stands in for the `runs` service: fails as a test says, then answers."""

    def __init__(self, *failures: OrrisError) -> None:
        self._failures: Iterator[OrrisError] = iter(failures)
        self.calls = 0
        self.timeouts: list[float | None] = []

    async def FinishRun(
        self, request: agents.FinishRunRequest, timeout: float | None = None
    ) -> agents.FinishRunResponse:
        self.calls += 1
        self.timeouts.append(timeout)
        if (failure := next(self._failures, None)) is not None:
            raise failure
        return agents.FinishRunResponse()


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "_FIRST_PAUSE", 0)


async def finish(server: Server) -> None:
    await Reports(server, "l").finish(agents.FinishRunRequest(state=runs.Run.STATE_COMPLETED))  # type: ignore[arg-type]


async def finished_at_once(server: Server) -> bool:
    end = agents.FinishRunRequest(state=runs.Run.STATE_COMPLETED)
    return await Reports(server, "l").finished_at_once(end)  # type: ignore[arg-type]


async def test_a_server_that_is_away_is_waited_for() -> None:
    server = Server(*[Unavailable("starting")] * 100)
    await finish(server)
    assert server.calls == 101


async def test_a_fault_of_the_servers_costs_no_run_if_it_is_mended() -> None:
    server = Server(*[Internal("internal error")] * 19)
    await finish(server)
    assert server.calls == 20


async def test_a_fault_that_stays_is_not_reported_into_for_ever() -> None:
    server = Server(*[Internal("internal error")] * 1000)
    with pytest.raises(Internal):
        await finish(server)
    assert server.calls == 20


async def test_a_lease_that_is_lost_is_told_at_once() -> None:
    for end in (finish, finished_at_once):
        server = Server(FailedPrecondition("gone", reason="LEASE_LOST"))
        with pytest.raises(LeaseLostError):
            await end(server)
        assert server.calls == 1


@pytest.mark.parametrize(
    "failure", [Unavailable("away"), DeadlineExceeded("not yet"), ResourceExhausted("full", reason="STORE_FULL")]
)
async def test_an_end_that_is_tried_once_is_tried_once(failure: OrrisError) -> None:
    server = Server(failure)
    assert not await finished_at_once(server)
    assert await finished_at_once(server)
    assert server.calls == 2
    assert None not in server.timeouts
