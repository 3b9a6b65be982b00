"""What a run may know of itself while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orris.names import EnvironmentVersionName, RunName
from orris.runs.v1 import runs_service_pb2 as runs_service
from orris_agent.requests import RunRequest

if TYPE_CHECKING:
    from orris.runs.v1.runs_service_pb2_grpc import RunServiceAsyncStub


class Record:
    """Answers `get_run`."""

    def __init__(self, runs: RunServiceAsyncStub) -> None:
        self._runs = runs

    async def get_run(self, request: RunRequest) -> dict[str, Any]:
        """Return the run's record: id, names, labels, environment, datasets asked for, and when its program started."""
        wanted = runs_service.GetRunRequest(name=request.lease.run.name)
        run = (await self._runs.GetRun(wanted, metadata=request.authorization)).run
        return {
            "id": RunName.parse(run.name).run,
            "display_name": run.display_name,
            "tags": dict(run.tags),
            "properties": dict(run.properties),
            "parent": RunName.parse(run.parent_run).run if run.parent_run else None,
            "environment": _environment(request),
            "datasets_read": [{"dataset": each.dataset, "id": each.id} for each in run.datasets_read],
            "start_time": run.start_time.ToJsonString() if run.HasField("start_time") else None,
        }


def _environment(request: RunRequest) -> dict[str, Any] | None:
    """Return the environment that the run was leased with; None where it has an image alone."""
    if not request.lease.run.environment:
        return None
    name = EnvironmentVersionName.parse(request.lease.run.environment)
    variables = dict(request.lease.environment_variables)
    return {"name": name.environment, "version": name.version, "variables": variables}
