"""The port Runs over the runs service."""

from __future__ import annotations

import grpc

from orris.errors import Unavailable
from orris.runs.v1 import runs_pb2 as runs
from orris.runs.v1 import runs_service_pb2 as pb
from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub
from orris_models.ports import Run, RunOrder

EXPERIMENT = "model-conversions"
FINAL = (runs.Run.STATE_COMPLETED, runs.Run.STATE_FAILED, runs.Run.STATE_CANCELED)
BEGUN = (runs.Run.STATE_RUNNING, runs.Run.STATE_FINALIZING)


class RunsClient:
    """Runs of the runs service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._service = RunServiceStub(channel)  # type: ignore[no-untyped-call, unused-ignore]

    async def get(self, run: str) -> Run:
        """Return a run. Raises NotFound (RUN_NOT_FOUND)."""
        return _run((await self._service.GetRun(pb.GetRunRequest(name=run))).run)

    async def create(self, order: RunOrder) -> Run:
        """Create a conversion's run; the same request id gives the same run."""
        wanted = runs.Run(
            experiment=f"workspaces/{order.workspace}/experiments/{EXPERIMENT}",
            kind=runs.RUN_KIND_CONVERSION,
            display_name=order.display_name,
            script=order.script,
            snapshot=order.snapshot,
            image=order.image,
            tags=order.tags,
        )
        wanted.time_limit.FromMilliseconds(int(order.time_limit_seconds * 1000))
        parent = f"workspaces/{order.workspace}"
        request = pb.CreateRunRequest(parent=parent, run=wanted, request_id=order.request_id)
        return _run((await self._service.CreateRun(request)).run)

    async def change_of(self, run: str, seen_running: bool) -> Run:
        """Return a run as soon as it runs (unless that was seen) or is finished. Raises Unavailable."""
        watch = self._service.WatchRun(pb.WatchRunRequest(name=run))
        async for message in watch:
            known = _run(message.run)
            if known.finished or (known.running and not seen_running):
                watch.cancel()
                return known
        raise Unavailable(f"watching {run} was interrupted")


def _run(message: runs.Run) -> Run:
    return Run(
        name=message.name,
        experiment=message.experiment,
        running=message.state in BEGUN,
        finished=message.state in FINAL,
        succeeded=message.state == runs.Run.STATE_COMPLETED,
        failure=_failure(message),
        outputs=message.outputs,
        snapshot=message.snapshot,
        script=message.script,
        image=message.image,
        left_behind=tuple(message.left_behind),
    )


def _failure(message: runs.Run) -> str:
    """Return one line on why a run did not end well: of what its program said last, else of what Orris knows."""
    if message.state == runs.Run.STATE_CANCELED:
        return "its run was canceled"
    said = [line.strip() for line in message.error.details.splitlines() if line.strip()]
    if said and message.error.code == runs.RunError.CODE_USER_PROGRAM:
        return said[-1]
    return message.error.message or (said[-1] if said else "")
