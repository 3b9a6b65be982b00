"""What an agent reports of one leased run, sent until it is heard or the lease is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from orris import errors
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs

if TYPE_CHECKING:
    from orris.runs.v1.agents_service_pb2_grpc import AgentServiceAsyncStub

PASSING = (errors.Unavailable, errors.DeadlineExceeded, errors.ResourceExhausted, errors.Conflict)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0  # seconds between attempts, doubling
_AT_ONCE_SECONDS = 5.0
# So often a call is made in which the server fails inside: a minute, in which it may be mended.
_MOST_FAULTS = 20

_Answer = TypeVar("_Answer")


class LeaseLostError(Exception):
    """The server has given the run up or to another agent: its processes must end, its reports are refused."""


class Reports:
    """The reports of one lease. Every method raises LeaseLostError once the lease is gone."""

    def __init__(self, stub: AgentServiceAsyncStub, lease_id: str) -> None:
        self._stub = stub
        self._lease_id = lease_id

    async def report(self, request: agents.ReportRunRequest) -> agents.ReportRunResponse:
        """Report where the run stands, and what it has written since; return how far that was taken."""
        request.lease_id = self._lease_id
        return await _heard(lambda: self._stub.ReportRun(request))

    async def state(self, state: runs.Run.State.ValueType, reason: str = "", warnings: Sequence[str] = ()) -> None:
        """Report where the run stands now."""
        request = agents.ReportRunRequest(state=state, reason=reason, warnings=warnings)
        request.time.GetCurrentTime()
        await self.report(request)

    async def log(self, file: str, offset: int, data: bytes, end: bool = False) -> int:
        """Append to a log file; return the number of bytes stored, which is where to go on."""
        piece = agents.ReportRunRequest.LogBytes(file=file, offset=offset, data=data, end=end)
        return (await self.report(agents.ReportRunRequest(logs=[piece]))).logs[0].size

    async def finish(self, outcome: agents.FinishRunRequest) -> None:
        """End the run and give the lease back."""
        outcome.lease_id = self._lease_id
        await _heard(lambda: self._stub.FinishRun(outcome))

    async def finished_at_once(self, outcome: agents.FinishRunRequest) -> bool:
        """Do so, or return False where the server does not do it now: it may wait for another for long."""
        outcome.lease_id = self._lease_id
        return await _done(self._stub.FinishRun(outcome, timeout=_AT_ONCE_SECONDS))

    async def handed_back(self) -> bool:
        """Let the run, which has not begun, wait for another agent; return False where it has to go on here."""
        return await _done(self._stub.ReturnRun(agents.ReturnRunRequest(lease_id=self._lease_id)))


def _says_lost(problem: errors.OrrisError) -> bool:
    return isinstance(problem, errors.FailedPrecondition) and problem.reason == "LEASE_LOST"


async def _done(call: Awaitable[object]) -> bool:
    """Return whether the server has done what it was asked, once. Raises LeaseLostError."""
    try:
        await call
    except errors.OrrisError as problem:
        if _says_lost(problem):
            raise LeaseLostError from problem
        return False
    return True


async def _heard(call: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Call until the server answers. There is no limit here: the lease is one."""
    pause, faults = _FIRST_PAUSE, 0
    while True:
        try:
            return await call()
        except errors.FailedPrecondition as refusal:
            if _says_lost(refusal):
                raise LeaseLostError from refusal
            raise
        except errors.Internal:
            faults += 1
            if faults == _MOST_FAULTS:
                raise
        except PASSING:
            pass
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
