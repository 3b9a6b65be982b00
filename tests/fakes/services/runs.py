"""Runs in memory that do what a test tells them; logs grow as a test writes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from orris.errors import AlreadyExists, Conflict, FailedPrecondition, NotFound, OutOfRange
from orris.runs.v1 import agents_service_pb2, pools_service_pb2, runs_pb2, runs_service_pb2, workspaces_service_pb2
from orris.runs.v1.agents_service_pb2_grpc import AgentServiceServicer
from orris.runs.v1.pools_service_pb2_grpc import PoolServiceServicer
from orris.runs.v1.runs_service_pb2_grpc import RunServiceServicer
from orris.runs.v1.workspaces_service_pb2_grpc import WorkspaceServiceServicer
from tests.fakes.services.artifacts import FakeArtifacts
from tests.fakes.services.data import FakeData
from tests.fakes.services.images import FakeImages

STD_LOG = "user_logs/std_log.txt"
BUILD_LOG = "azureml-logs/20_image_build_log.txt"
FINAL = (runs_pb2.Run.STATE_COMPLETED, runs_pb2.Run.STATE_FAILED, runs_pb2.Run.STATE_CANCELED)

# A fake has what tests need; the rest answers UNIMPLEMENTED.
_RunServiceServicer: Any = RunServiceServicer
_WorkspaceServiceServicer: Any = WorkspaceServiceServicer
_AgentServiceServicer: Any = AgentServiceServicer
_PoolServiceServicer: Any = PoolServiceServicer


class Log:
    def __init__(self) -> None:
        self.data = bytearray()
        self.complete = False


class FakeRuns(_RunServiceServicer):
    """`script` is what each new run does, called with its name in a thread; by default it prints and completes."""

    chunk = 5

    def __init__(self, artifacts: FakeArtifacts, images: FakeImages, data: FakeData | None = None) -> None:
        self.artifacts = artifacts
        self.data = data
        self.images = images
        self.runs: dict[str, runs_pb2.Run] = {}
        self.logs: dict[str, dict[str, Log]] = {}
        self.points: dict[str, list[runs_pb2.MetricPoint]] = {}
        self.samples: dict[str, list[runs_pb2.UsageSample]] = {}
        self.by_request: dict[str, str] = {}
        self.recorded: dict[str, list[agents_service_pb2.RunEvent]] = {}
        self.at_a_time: dict[str, int] = {}
        self.changed = threading.Condition()
        self.draining = threading.Event()
        self.script: Callable[[str], object] = self._hello

    # What a test does to runs

    def add(self, name: str) -> None:
        """Make a run that was not submitted."""
        self.runs[name], self.logs[name], self.points[name] = runs_pb2.Run(name=name), {}, []

    def set(self, name: str, **changes: Any) -> None:
        with self.changed:
            self.runs[name].MergeFrom(runs_pb2.Run(**changes))
            self.changed.notify_all()

    def write(self, name: str, data: bytes, file: str = STD_LOG) -> None:
        with self.changed:
            self.logs[name].setdefault(file, Log()).data += data
            self.changed.notify_all()

    def end(self, name: str, state: int = runs_pb2.Run.STATE_COMPLETED, **changes: Any) -> None:
        with self.changed:
            for log in self.logs[name].values():
                log.complete = True
        self.set(name, state=state, **changes)

    def _hello(self, name: str) -> None:
        self.write(name, b"hello\n")
        self.end(name)

    # The contract

    def CreateRun(self, request: Any, context: Any) -> Any:
        if request.request_id in self.by_request:
            return runs_service_pb2.CreateRunResponse(run=self.runs[self.by_request[request.request_id]])
        run = request.run
        if run.kind == runs_pb2.RUN_KIND_INTERACTIVE:
            return self._begin(request)
        self.images.find(run.environment)
        self.artifacts.require(run.snapshot)
        if run.script and run.script not in self.artifacts.content(run.snapshot):
            raise FailedPrecondition("the snapshot has no such script", reason="SCRIPT_NOT_IN_SNAPSHOT")
        self._resolve(run)
        experiment = run.experiment.rpartition("/")[2]
        run.name = f"{request.parent}/runs/{experiment}_{1_700_000_000 + len(self.runs)}_{len(self.runs):08x}"
        run.state = runs_pb2.Run.STATE_QUEUED
        run.create_time.FromSeconds(int(time.time()))
        self.runs[run.name], self.logs[run.name], self.points[run.name] = run, {}, []
        self.by_request[request.request_id] = run.name
        answer = runs_service_pb2.CreateRunResponse(run=run)
        threading.Thread(target=self.script, args=(run.name,), daemon=True).start()
        return answer

    def _resolve(self, run: runs_pb2.Run) -> None:
        """Fill in the files of datasets, as they are now."""
        for each in run.inputs:
            if each.dataset:
                assert self.data is not None
                found = self.data.find(each.dataset)
                each.dataset, each.tree = found.name, found.tree
                if found.HasField("table") and not each.HasField("table"):
                    each.table.CopyFrom(found.table)
                each.partition_format = each.partition_format or found.partition_format

    def _begin(self, request: Any) -> Any:
        run = request.run
        run.name = f"{request.parent}/runs/{run.experiment.rpartition('/')[2]}_1_{len(self.runs):08x}"
        run.state = runs_pb2.Run.STATE_RUNNING
        self.runs[run.name], self.logs[run.name], self.points[run.name] = run, {}, []
        self.by_request[request.request_id] = run.name
        answer = runs_service_pb2.CreateRunResponse(run=run, session="" if request.session else f"held-{run.name}")
        answer.patience.FromSeconds(120)
        return answer

    def _held(self, request: Any) -> runs_pb2.Run:
        run = self._run(request.name)
        if run.state in FINAL or request.session != f"held-{run.name}":
            raise FailedPrecondition("the run has ended", reason="LEASE_LOST")
        return run

    def RenewRun(self, request: Any, context: Any) -> Any:
        return runs_service_pb2.RenewRunResponse(run=self._held(request))

    def RecordRunEvents(self, request: Any, context: Any) -> Any:
        """Keep each event once, as the service does. `recorded` has them as they came, for tests."""
        self._held(request)
        known = self.recorded.setdefault(request.name, [])
        if request.first_sequence > len(known):
            raise OutOfRange("a gap", reason="EVENT_GAP", metadata={"next_sequence": str(len(known))})
        for event in request.events[len(known) - request.first_sequence :]:
            known.append(event)
            name = f"{request.name.rpartition('/')[0]}/{event.child}" if event.child else request.name
            if event.HasField("metric"):
                self.points[name].append(event.metric)
            elif event.HasField("end"):
                self.set(name, state=event.end.state, error=event.end.error)
        return runs_service_pb2.RecordRunEventsResponse(next_sequence=len(known))

    def EndRun(self, request: Any, context: Any) -> Any:
        if self._run(request.name).state != request.state:
            self._held(request)
            error = request.error if request.HasField("error") else None
            self.set(request.name, state=request.state, error=error)
        return runs_service_pb2.EndRunResponse(run=self._run(request.name))

    def KeepRunFiles(self, request: Any, context: Any) -> Any:
        if self._run(request.name).outputs not in (request.previous_outputs, request.outputs):
            raise Conflict("the run keeps other files by now", reason="OUTPUTS_CHANGED")
        self.set(request.name, outputs=request.outputs)
        return runs_service_pb2.KeepRunFilesResponse(run=self._run(request.name))

    def ArchiveRun(self, request: Any, context: Any) -> Any:
        self.set(request.name, archived=True)
        return runs_service_pb2.ArchiveRunResponse(run=self._run(request.name))

    def UnarchiveRun(self, request: Any, context: Any) -> Any:
        self._run(request.name).archived = False
        return runs_service_pb2.UnarchiveRunResponse(run=self._run(request.name))

    def DeleteRun(self, request: Any, context: Any) -> Any:
        if self._run(request.name).state not in FINAL:
            raise FailedPrecondition("the run has not ended", reason="RUN_ACTIVE")
        del self.runs[request.name]
        return runs_service_pb2.DeleteRunResponse()

    def GetRun(self, request: Any, context: Any) -> Any:
        return runs_service_pb2.GetRunResponse(run=self._run(request.name))

    def ListExperiments(self, request: Any, context: Any) -> Any:
        names = sorted({run.experiment for run in self.runs.values()})
        return runs_service_pb2.ListExperimentsResponse(experiments=map(self._experiment, names))

    def CreateExperiment(self, request: Any, context: Any) -> Any:
        name = f"{request.parent}/experiments/{request.experiment_id}"
        self.at_a_time.setdefault(name, 0)
        return runs_service_pb2.CreateExperimentResponse(experiment=self._experiment(name))

    def GetExperiment(self, request: Any, context: Any) -> Any:
        return runs_service_pb2.GetExperimentResponse(experiment=self._experiment(request.name))

    def UpdateExperiment(self, request: Any, context: Any) -> Any:
        name = request.experiment.name
        self.at_a_time[name] = request.experiment.max_concurrent_runs
        return runs_service_pb2.UpdateExperimentResponse(experiment=self._experiment(name))

    def _experiment(self, name: str) -> runs_pb2.Experiment:
        return runs_pb2.Experiment(name=name, max_concurrent_runs=self.at_a_time.get(name, 0))

    def ListRuns(self, request: Any, context: Any) -> Any:
        wanted = [
            run
            for run in reversed(self.runs.values())
            if run.archived == (request.view == runs_pb2.ARCHIVE_VIEW_ARCHIVED)
            and not (request.roots_only and run.parent_run)
            and request.parent_run in ("", run.parent_run)
            and request.dataset
            in ("", *(each.dataset for each in run.inputs), *(each.dataset for each in run.outputs_to))
            and (not request.kinds or (run.kind or runs_pb2.RUN_KIND_TRAINING) in request.kinds)
            and (not request.states or run.state in request.states)
            and request.parent in (run.experiment, run.name.partition("/runs/")[0])
            and all(
                run.tags.get(key) in ((value,) if value else run.tags.values()) for key, value in request.tags.items()
            )
        ]
        start = int(request.page_token or 0)
        size = min(request.page_size or 100, 2)  # small pages: a client that reads only the first shows it
        page = wanted[start : start + size]
        token = str(start + size) if start + size < len(wanted) else ""
        return runs_service_pb2.ListRunsResponse(runs=page, next_page_token=token)

    def WatchRun(self, request: Any, context: Any) -> Iterator[Any]:
        seen = b""
        while context.is_active() and not self.draining.is_set():
            with self.changed:
                run = self._run(request.name)
                now = run.SerializeToString(deterministic=True)
                if now == seen:
                    self.changed.wait(0.05)
                    continue
                message = runs_service_pb2.WatchRunResponse()
                message.run.CopyFrom(run)
                message.logs.extend(self._logs(request.name) if run.state in FINAL else ())
            seen = now
            yield message
            if message.run.state in FINAL:
                return

    def CancelRun(self, request: Any, context: Any) -> Any:
        if self._run(request.name).state not in FINAL:
            self.end(request.name, runs_pb2.Run.STATE_CANCELED, state_reason=request.reason)
        return runs_service_pb2.CancelRunResponse(run=self._run(request.name))

    def UpdateRun(self, request: Any, context: Any) -> Any:
        run = self._run(request.name)
        for key, value in request.set_properties.items():
            if run.properties.get(key, value) != value:
                raise FailedPrecondition(f"property {key} is set", reason="PROPERTY_SET")
        run.tags.update(request.set_tags)
        run.properties.update(request.set_properties)
        for key in request.remove_tags:
            run.tags.pop(key, None)
        return runs_service_pb2.UpdateRunResponse(run=run)

    def ListRunLogs(self, request: Any, context: Any) -> Any:
        self._run(request.parent)
        return runs_service_pb2.ListRunLogsResponse(logs=self._logs(request.parent))

    def _logs(self, run: str) -> list[runs_pb2.RunLog]:
        own = {file: (len(log.data), log.complete) for file, log in self.logs[run].items()}
        built = {BUILD_LOG: (len(self.images.log), True)} if self.runs[run].build else {}
        return [
            runs_pb2.RunLog(name=f"{run}/logs/{file}", size=size, complete=complete)
            for file, (size, complete) in sorted((built | own).items())
        ]

    def ReadRunLog(self, request: Any, context: Any) -> Iterator[Any]:
        name, _, file = request.name.partition("/logs/")
        offset = request.offset
        while context.is_active() and not self.draining.is_set():
            with self.changed:
                run, log = self._run(name), self.logs[name].get(file)
                if log is None and run.state in FINAL:
                    if request.follow:
                        yield runs_service_pb2.ReadRunLogResponse(offset=0, end=True)
                        return
                    raise NotFound(f"no log {file}", reason="LOG_NOT_FOUND")
                size = len(log.data) if log else 0
                if log and offset > size:
                    raise OutOfRange("the offset lies behind the log's end", reason="OFFSET_TOO_LARGE")
                data = bytes(log.data[offset : offset + self.chunk]) if log else b""
                end = bool(log and log.complete and offset + len(data) == size)
                if not data and not end:
                    if not request.follow:
                        return
                    self.changed.wait(0.05)
                    continue
            yield runs_service_pb2.ReadRunLogResponse(offset=offset, data=data, end=end)
            offset += len(data)
            if end:
                return

    def ListRunMetrics(self, request: Any, context: Any) -> Any:
        points = [each for each in self.points[request.parent] if request.metric in ("", each.metric)]
        return runs_service_pb2.ListRunMetricsResponse(points=points)

    def ListRunUsage(self, request: Any, context: Any) -> Any:
        self._run(request.parent)
        return runs_service_pb2.ListRunUsageResponse(samples=self.samples.get(request.parent, ()))

    def _run(self, name: str) -> runs_pb2.Run:
        if name not in self.runs:
            raise NotFound(f"no run {name.rpartition('/')[2]}", reason="RUN_NOT_FOUND")
        return self.runs[name]


class FakeWorkspaces(_WorkspaceServiceServicer):
    def __init__(self) -> None:
        self.names = ["lab"]

    def CreateWorkspace(self, request: Any, context: Any) -> Any:
        if request.workspace_id in self.names:
            raise AlreadyExists(f"workspace {request.workspace_id} exists", reason="WORKSPACE_EXISTS")
        self.names.append(request.workspace_id)
        return workspaces_service_pb2.CreateWorkspaceResponse(workspace=self._message(request.workspace_id))

    def GetWorkspace(self, request: Any, context: Any) -> Any:
        if request.name.removeprefix("workspaces/") not in self.names:
            raise NotFound(f"no workspace {request.name}", reason="WORKSPACE_NOT_FOUND")
        return workspaces_service_pb2.GetWorkspaceResponse(workspace=runs_pb2.Workspace(name=request.name))

    def ListWorkspaces(self, request: Any, context: Any) -> Any:
        return workspaces_service_pb2.ListWorkspacesResponse(workspaces=map(self._message, sorted(self.names)))

    def CreateToken(self, request: Any, context: Any) -> Any:
        role = runs_pb2.Role.Name(request.role).removeprefix("ROLE_").lower()
        return workspaces_service_pb2.CreateTokenResponse(token=f"{role}-of-{request.parent}")

    @staticmethod
    def _message(name: str) -> runs_pb2.Workspace:
        return runs_pb2.Workspace(name=f"workspaces/{name}")


class FakeAgents(_AgentServiceServicer):
    def __init__(self) -> None:
        self.isolations: list[runs_pb2.Isolation.ValueType] = [runs_pb2.ISOLATION_PROCESS]
        self.resources = runs_pb2.Resources(cpus=8, memory_bytes=16 * 1024**3)

    def ListAgents(self, request: Any, context: Any) -> Any:
        agent = agents_service_pb2.Agent(
            name="agents/here",
            pool="local",
            slots=2,
            replica_slots=4,
            platform="linux-x86_64",
            connected=True,
            isolations=self.isolations,
            resources=self.resources,
        )
        return agents_service_pb2.ListAgentsResponse(agents=[agent])


class FakePools(_PoolServiceServicer):
    """Pools whose nodes are what a test says; a new one has as many as it has at least, idle."""

    def __init__(self) -> None:
        self.pools: dict[str, pools_service_pb2.Pool] = {}
        self.nodes: dict[str, list[pools_service_pb2.Node]] = {}
        self.draining = threading.Event()
        self.watched = threading.Event()
        self._add("local", pools_service_pb2.Pool())
        self.have("local", pools_service_pb2.Node.STATE_IDLE)

    def have(self, pool: str, *states: pools_service_pb2.Node.State.ValueType) -> None:
        """Let a pool have nodes in these states."""
        name = f"pools/{pool}"
        self.nodes[name] = [
            pools_service_pb2.Node(name=f"{name}/nodes/{pool}-{number}", state=state, reason="runs wait")
            for number, state in enumerate(states)
        ]
        counts = [pools_service_pb2.NodeCount(state=state, count=states.count(state)) for state in sorted(set(states))]
        del self.pools[name].node_counts[:]
        self.pools[name].node_counts.extend(counts)

    def when_watched(self, do: Callable[[], object]) -> threading.Thread:
        """Let something happen as soon as somebody watches a pool."""
        thread = threading.Thread(target=lambda: (self.watched.wait(20), do()))
        thread.start()
        return thread

    def CreatePool(self, request: Any, context: Any) -> Any:
        if f"pools/{request.pool_id}" in self.pools:
            raise AlreadyExists("there is such a pool", reason="POOL_EXISTS")
        self._add(request.pool_id, request.pool)
        self.have(request.pool_id, *[pools_service_pb2.Node.STATE_IDLE] * request.pool.min_nodes)
        return pools_service_pb2.CreatePoolResponse(pool=self._pool(f"pools/{request.pool_id}"))

    def GetPool(self, request: Any, context: Any) -> Any:
        return pools_service_pb2.GetPoolResponse(pool=self._pool(request.name))

    def WatchPool(self, request: Any, context: Any) -> Iterator[Any]:
        seen = self._copy(request.name)
        yield pools_service_pb2.WatchPoolResponse(pool=seen)
        self.watched.set()
        while context.is_active() and not self.draining.wait(0.02):
            if request.name not in self.pools:
                yield pools_service_pb2.WatchPoolResponse(pool=seen, end=True)
                return
            if (now := self._copy(request.name)) != seen:
                seen = now
                yield pools_service_pb2.WatchPoolResponse(pool=seen)

    def ListPools(self, request: Any, context: Any) -> Any:
        return pools_service_pb2.ListPoolsResponse(pools=[self.pools[name] for name in sorted(self.pools)])

    def UpdatePool(self, request: Any, context: Any) -> Any:
        pool = self._pool(request.name)
        for field in ("min_nodes", "max_nodes", "description"):
            if request.HasField(field):
                setattr(pool, field, getattr(request, field))
        if request.HasField("idle_time"):
            pool.idle_time.CopyFrom(request.idle_time)
        pool.tags.update(request.set_tags)
        return pools_service_pb2.UpdatePoolResponse(pool=pool)

    def DeletePool(self, request: Any, context: Any) -> Any:
        self._pool(request.name)
        del self.pools[request.name]
        return pools_service_pb2.DeletePoolResponse()

    def ListNodes(self, request: Any, context: Any) -> Any:
        self._pool(request.parent)
        return pools_service_pb2.ListNodesResponse(nodes=self.nodes.get(request.parent, []))

    def _add(self, pool_id: str, pool: pools_service_pb2.Pool) -> None:
        pool.name, pool.state = f"pools/{pool_id}", pools_service_pb2.Pool.STATE_ACTIVE
        if not pool.HasField("idle_time"):
            pool.idle_time.FromSeconds(1800)
        self.pools[pool.name] = pool

    def _copy(self, name: str) -> pools_service_pb2.Pool:
        copied = pools_service_pb2.Pool()
        copied.CopyFrom(self._pool(name))
        return copied

    def _pool(self, name: str) -> pools_service_pb2.Pool:
        if name not in self.pools:
            raise NotFound(f"there is no pool {name}", reason="POOL_NOT_FOUND")
        return self.pools[name]
