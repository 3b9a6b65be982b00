"""What an instance does, in one line."""

from __future__ import annotations

from dataclasses import dataclass

from orris.inference.v1 import inference_pb2 as inference
from orris.inference.v1 import inference_service_pb2 as inference_service
from orris.runs.v1 import runs_pb2 as runs
from orris.runs.v1 import runs_service_pb2 as runs_service
from orris.runs.v1 import workspaces_service_pb2 as workspaces_service
from orris.sdk.connection import Connection

_WAITING = (
    runs.Run.STATE_NOT_STARTED,
    runs.Run.STATE_PREPARING,
    runs.Run.STATE_PROVISIONING,
    runs.Run.STATE_QUEUED,
)
_EXECUTED = (
    runs.Run.STATE_RUNNING,
    runs.Run.STATE_FINALIZING,
    runs.Run.STATE_CANCEL_REQUESTED,
    runs.Run.STATE_NOT_RESPONDING,
)


@dataclass
class Summary:
    """Numbers of runs and endpoints over all workspaces; at most 1,000 of each kind are counted in a workspace."""

    running: int = 0
    waiting: int = 0
    healthy: int = 0
    endpoints: int = 0

    def __str__(self) -> str:
        work = f"runs: {self.running} running, {self.waiting} waiting"
        return f"{work} · endpoints: {self.healthy} of {self.endpoints} healthy"


def summarise(connection: Connection) -> Summary:
    """Return what the instance does now."""
    summary = Summary()
    listed = connection.workspaces.ListWorkspaces(workspaces_service.ListWorkspacesRequest(page_size=1000))
    for workspace in listed.workspaces:
        request = runs_service.ListRunsRequest(parent=workspace.name, states=_WAITING + _EXECUTED, page_size=1000)
        for run in connection.runs.ListRuns(request).runs:
            summary.waiting += run.state in _WAITING
            summary.running += run.state in _EXECUTED
        endpoints = inference_service.ListEndpointsRequest(parent=workspace.name, page_size=1000)
        for endpoint in connection.endpoints.ListEndpoints(endpoints).endpoints:
            summary.endpoints += 1
            summary.healthy += endpoint.state == inference.Endpoint.STATE_HEALTHY
    return summary
