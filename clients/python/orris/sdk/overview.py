"""What an Orris does now: runs, sweeps, agents, endpoints, builds and the machine, as plain values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from orris.errors import OrrisError
from orris.images.v1 import images_pb2, images_service_pb2
from orris.inference.v1 import inference_pb2, inference_service_pb2
from orris.names import EndpointName, ExperimentName, RunName, WorkspaceName
from orris.runs.v1 import (
    agents_service_pb2,
    runs_pb2,
    runs_service_pb2,
    sweeps_service_pb2,
    workspaces_service_pb2,
)
from orris.sdk.connection import Connection
from orris.sdk.paging import pages
from orris.sdk.spelling import moment, spell
from orris.sdk.statistics import endpoint_statistics

# Of each kind in a workspace; more is told as a number.
MOST = 100
# Each is asked for by itself.
MOST_SWEEPS = 20

_S = runs_pb2.Run
_EXECUTED = (_S.STATE_RUNNING, _S.STATE_FINALIZING, _S.STATE_CANCEL_REQUESTED, _S.STATE_NOT_RESPONDING)
_WAITING = (_S.STATE_NOT_STARTED, _S.STATE_PREPARING, _S.STATE_PROVISIONING, _S.STATE_QUEUED)
_KINDS = (runs_pb2.RUN_KIND_TRAINING, runs_pb2.RUN_KIND_CONVERSION, runs_pb2.RUN_KIND_REPLICA)
_B = images_pb2.Build
_BUILT = (_B.STATE_SUCCEEDED, _B.STATE_FAILED, _B.STATE_CANCELED)


def overview(connection: Connection) -> dict[str, Any]:
    """Return what goes on in all workspaces that the token may see.

    runs: those that execute, then those that wait, with their reason; at most 100 of each in a workspace. sweeps: those
    that go on, at most 20 in a workspace. builds: those that are not finished. machine: load and memory, where the
    Orris is on this machine, else None. Raises Unavailable.
    """
    listed = connection.workspaces.ListWorkspaces(workspaces_service_pb2.ListWorkspacesRequest(page_size=1000))
    names = [each.name for each in listed.workspaces]
    executed = [run for name in names for run in _runs(connection, name, _EXECUTED)]
    waiting = [run for name in names for run in _runs(connection, name, _WAITING)]
    replicas = {each["name"] for each in executed if each["kind"] == "Replica"}
    return {
        "time": datetime.now(UTC).isoformat(),
        "address": connection.address,
        "machine": _machine() if _is_here(connection.address) else None,
        "agents": [_agent(each, replicas) for each in _agents(connection)],
        "sweeps": [each for name in names for each in _sweeps(connection, name)],
        "runs": [each for each in (*executed, *waiting) if each["kind"] != "Replica"],
        "endpoints": [each for name in names for each in _endpoints(connection, name)],
        "builds": [each for name in names for each in _builds(connection, name)],
    }


def _runs(connection: Connection, workspace: str, states: Iterable[Any]) -> Iterator[dict[str, Any]]:
    request = runs_service_pb2.ListRunsRequest(parent=workspace, states=states, kinds=_KINDS, page_size=MOST)
    for run in connection.runs.ListRuns(request).runs:
        name = RunName.parse(run.name)
        yield {
            "name": run.name,
            "run": name.run,
            "workspace": name.workspace,
            "experiment": ExperimentName.parse(run.experiment).experiment,
            "kind": spell(runs_pb2.RunKind.DESCRIPTOR, run.kind, "RUN_KIND_"),
            "status": spell(runs_pb2.Run.State.DESCRIPTOR, run.state),
            "reason": run.state_reason,
            "agent": run.agent.removeprefix("agents/"),
            "seconds": _seconds_since(run.start_time if run.HasField("start_time") else run.create_time),
        }


def _sweeps(connection: Connection, workspace: str) -> Iterator[dict[str, Any]]:
    request = runs_service_pb2.ListRunsRequest(
        parent=workspace, states=(*_EXECUTED, *_WAITING), kinds=[runs_pb2.RUN_KIND_SWEEP], page_size=MOST_SWEEPS
    )
    for run in connection.runs.ListRuns(request).runs:
        try:
            sweep = connection.sweeps.GetSweep(sweeps_service_pb2.GetSweepRequest(name=run.name)).sweep
        except OrrisError:
            continue  # deleted meanwhile
        counts = sweep.counts
        yield {
            "name": run.name,
            "sweep": RunName.parse(run.name).run,
            "workspace": RunName.parse(run.name).workspace,
            "status": spell(runs_pb2.Run.State.DESCRIPTOR, run.state),
            "ended": counts.total - counts.waiting - counts.running,
            "running": counts.running,
            "planned": sweep.planned_trials,
            "metric": sweep.metric,
            "best": sweep.best.best_value if sweep.best.HasField("best_value") else None,
            "seconds": _seconds_since(run.create_time),
        }


def _seconds_since(time: Timestamp) -> float:
    begun = moment(time)
    return max(0.0, (datetime.now(UTC) - begun).total_seconds()) if begun else 0.0


def _agents(connection: Connection) -> Iterator[agents_service_pb2.Agent]:
    return pages(connection.agents.ListAgents, agents_service_pb2.ListAgentsRequest(), lambda page: page.agents)


def _agent(agent: agents_service_pb2.Agent, replicas: set[str]) -> dict[str, Any]:
    serving = sum(run in replicas for run in agent.runs)
    return {
        "name": agent.name.removeprefix("agents/"),
        "pool": agent.pool,
        "connected": agent.connected,
        "running": len(agent.runs) - serving,
        "slots": agent.slots,
        "replicas": serving,
        "replicaSlots": agent.replica_slots,
        "cpus": agent.resources.cpus,
        "memory": agent.resources.memory_bytes,
    }


def _endpoints(connection: Connection, workspace: str) -> Iterator[dict[str, Any]]:
    request = inference_service_pb2.ListEndpointsRequest(parent=workspace, page_size=MOST)
    for endpoint in connection.endpoints.ListEndpoints(request).endpoints:
        name = EndpointName.parse(endpoint.name)
        try:
            statistics = endpoint_statistics(connection, endpoint.name)
        except OrrisError:
            continue  # deleted meanwhile
        known = [each["index"] for each in statistics["drift"] if each["index"] is not None]
        yield {
            "endpoint": name.endpoint,
            "workspace": name.workspace,
            "state": spell(inference_pb2.Endpoint.State.DESCRIPTOR, endpoint.state),
            "requestsPerSecond": statistics["requestsPerSecond"],
            "latencyP50": statistics["latencyP50"],
            "latencyP99": statistics["latencyP99"],
            "recentErrors": statistics["recentErrors"],
            "drift": max(known, default=None),
        }


def _builds(connection: Connection, workspace: str) -> Iterator[dict[str, Any]]:
    request = images_service_pb2.ListBuildsRequest(parent=workspace, page_size=MOST)
    for build in connection.images.ListBuilds(request).builds:
        if build.state not in _BUILT:
            yield {
                "build": build.name.rpartition("/")[2],
                "workspace": WorkspaceName.parse(workspace).workspace,
                "state": spell(_B.State.DESCRIPTOR, build.state),
                "of": build.environment.removeprefix(f"{workspace}/environments/").replace("/versions/", ":"),
                "progress": build.progress,
            }


def _is_here(address: str) -> bool:
    host = address.removeprefix("https://").rpartition(":")[0]
    return address.startswith("unix:") or host in ("localhost", "[::1]") or host.startswith("127.")


def _machine() -> dict[str, float] | None:
    try:
        told = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        total, free = (int(told[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
        return {"load": os.getloadavg()[0], "cpus": os.cpu_count() or 1, "memoryUsed": total - free, "memory": total}
    except (OSError, KeyError, ValueError):
        return None  # no Linux
