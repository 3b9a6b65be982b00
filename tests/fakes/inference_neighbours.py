# ruff: noqa: ASYNC110, ASYNC240 - a fake reads small local files
"""The services that inference calls, small but real: over gRPC, and replicas are processes of this machine."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orris_agent
from orris.artifacts.v1 import artifacts_pb2, artifacts_service_pb2
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceServicer
from orris.errors import NotFound
from orris.images.v1 import images_pb2, images_service_pb2
from orris.images.v1.images_service_pb2_grpc import ImageServiceServicer
from orris.models.v1 import models_pb2, models_service_pb2
from orris.models.v1.models_service_pb2_grpc import ModelServiceServicer
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.runs.v1.runs_service_pb2_grpc import RunServiceServicer
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.changes import Changes

WORKSPACE = "workspaces/lab"
INSIDE = Path(str(orris_agent.__path__[0])) / "inside"
service = allow(Role.SERVICE, Role.USER)
_R = runs_pb2.Run
FINAL = {_R.STATE_COMPLETED, _R.STATE_FAILED, _R.STATE_CANCELED}


class FakeArtifacts(ArtifactServiceServicer):
    """Blobs and trees in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.trees: dict[str, list[artifacts_pb2.TreeEntry]] = {}
        self.references: dict[str, list[str]] = {}

    def put_tree(self, files: dict[str, bytes]) -> str:
        entries = []
        for path, data in files.items():
            digest = hashlib.sha256(data).hexdigest()
            self.blobs[digest] = data
            chunk = artifacts_pb2.Chunk(digest=digest, size=len(data))
            entries.append(
                artifacts_pb2.TreeEntry(path=path, size=len(data), mode=0o644, digest=digest, chunks=[chunk])
            )
        return self._keep(entries)

    def files(self, tree: str) -> dict[str, bytes]:
        return {each.path: b"".join(self.blobs[c.digest] for c in each.chunks) for each in self.trees[tree]}

    def _keep(self, entries: list[artifacts_pb2.TreeEntry]) -> str:
        manifest = repr(sorted((entry.path, entry.digest) for entry in entries)).encode()
        name = f"{WORKSPACE}/trees/{hashlib.sha256(manifest).hexdigest()}"
        self.trees[name] = entries
        return name

    @service
    async def BatchUploadBlobs(self, request: Any, context: Any) -> Any:
        for item in request.items:
            assert hashlib.sha256(item.data).hexdigest() == item.digest
            self.blobs[item.digest] = item.data
        return artifacts_service_pb2.BatchUploadBlobsResponse()

    @service
    async def DownloadBlob(self, request: Any, context: Any) -> AsyncIterator[Any]:
        yield artifacts_service_pb2.DownloadBlobResponse(data=self.blobs[request.name.rpartition("/")[2]])

    @service
    async def ListTreeEntries(self, request: Any, context: Any) -> Any:
        entries = [each for each in self.trees[request.parent] if request.path in ("", each.path)]
        return artifacts_service_pb2.ListTreeEntriesResponse(entries=entries)

    @service
    async def CreateTree(self, request_iterator: Any, context: Any) -> Any:
        entries = [entry async for message in request_iterator for entry in message.entries]
        assert all(chunk.digest in self.blobs for entry in entries for chunk in entry.chunks)
        return artifacts_service_pb2.CreateTreeResponse(tree=artifacts_pb2.Tree(name=self._keep(entries)))

    @service
    async def SetReference(self, request: Any, context: Any) -> Any:
        assert set(request.reference.trees) <= set(self.trees)
        self.references[request.reference.owner] = list(request.reference.trees)
        return artifacts_service_pb2.SetReferenceResponse()

    @service
    async def DeleteReference(self, request: Any, context: Any) -> Any:
        self.references.pop(request.owner, None)
        return artifacts_service_pb2.DeleteReferenceResponse()


class FakeImages(ImageServiceServicer):
    """Environments with the packages that a test names; an image is called like its environment."""

    def __init__(self) -> None:
        self.environments: dict[str, images_pb2.EnvironmentSpec] = {}
        self.packages: dict[str, list[str]] = {}
        self.broken: dict[str, str] = {}

    def put(self, name: str, *packages: str, version: str = "1", **variables: str) -> str:
        resource = f"{WORKSPACE}/environments/{name}/versions/{version}"
        self.environments[resource] = images_pb2.EnvironmentSpec(environment_variables=variables)
        self.packages[f"{WORKSPACE}/images/{name}"] = list(packages)
        return resource

    @service
    async def GetEnvironment(self, request: Any, context: Any) -> Any:
        found = [name for name in self.environments if name == request.name or name.startswith(f"{request.name}/")]
        if not found:
            raise NotFound("no such environment", reason="ENVIRONMENT_NOT_FOUND")
        environment = images_pb2.Environment(name=found[-1], spec=self.environments[found[-1]])
        return images_service_pb2.GetEnvironmentResponse(environment=environment)

    @service
    async def CreateBuild(self, request: Any, context: Any) -> Any:
        if request.environment:
            name = request.environment.split("/")[3]
            image = f"{WORKSPACE}/images/{name}"
        else:
            name = request.overlay.image.rpartition("/")[2]
            image = f"{request.overlay.image}-more"
            self.packages[image] = [*self.packages[request.overlay.image], *request.overlay.pip_packages]
        state = images_pb2.Build.STATE_FAILED if name in self.broken else images_pb2.Build.STATE_SUCCEEDED
        error = self.broken.get(name, "")
        build = images_pb2.Build(state=state, image="" if error else image, error=error)
        return images_service_pb2.CreateBuildResponse(build=build)

    @service
    async def GetImage(self, request: Any, context: Any) -> Any:
        lock = images_pb2.Lock(packages=[images_pb2.Package(name=each) for each in self.packages[request.name]])
        return images_service_pb2.GetImageResponse(image=images_pb2.Image(name=request.name, lock=lock))


class FakeModels(ModelServiceServicer):
    """Versions as a test sets them, and who uses them."""

    def __init__(self) -> None:
        self.versions: dict[str, models_pb2.ModelVersion] = {}
        self.users: dict[str, set[str]] = defaultdict(set)
        self.changes = Changes()

    def set(self, version: models_pb2.ModelVersion) -> str:
        self.versions[version.name] = version
        self.changes.notify(version.name)
        return version.name

    def _find(self, name: str) -> models_pb2.ModelVersion:
        if name not in self.versions:
            raise NotFound("no such model", reason="MODEL_NOT_FOUND")
        return self.versions[name]

    @service
    async def GetModelVersion(self, request: Any, context: Any) -> Any:
        return models_service_pb2.GetModelVersionResponse(model_version=self._find(request.name))

    @service
    async def WatchModelVersion(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async with self.changes.watch(request.name) as waiter:
            while True:
                version = self._find(request.name)
                yield models_service_pb2.WatchModelVersionResponse(model_version=version)
                if version.conversion.state >= models_pb2.Conversion.STATE_VERIFIED:
                    return
                await waiter.wait(30)

    @service
    async def SetModelUse(self, request: Any, context: Any) -> Any:
        self._find(request.name)
        (self.users[request.name].add if request.in_use else self.users[request.name].discard)(request.user)
        return models_service_pb2.SetModelUseResponse()


class FakeRuns(RunServiceServicer):
    """Runs that are executed at once, as processes of this Python, while `room` is set."""

    def __init__(self, artifacts: FakeArtifacts) -> None:
        self._artifacts = artifacts
        self.runs: dict[str, runs_pb2.Run] = {}
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.requests: dict[str, str] = {}
        self.folders: dict[str, Path] = {}
        self.room = True
        self._changes = Changes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._home = tempfile.TemporaryDirectory()

    async def close(self) -> None:
        for process in self.processes.values():
            if process.returncode is None:
                process.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._home.cleanup()

    def running(self) -> list[str]:
        return [name for name, run in self.runs.items() if run.state == _R.STATE_RUNNING]

    @service
    async def CreateRun(self, request: Any, context: Any) -> Any:
        if request.request_id in self.requests:
            return runs_service_pb2.CreateRunResponse(run=self.runs[self.requests[request.request_id]])
        run = runs_pb2.Run()
        run.CopyFrom(request.run)
        run.name = f"{WORKSPACE}/runs/replica_{len(self.runs)}"
        self.requests[request.request_id] = run.name
        self.runs[run.name] = run
        run.state = _R.STATE_QUEUED
        run.state_reason = "waits for a free slot of the pool local"
        if self.room:
            task = asyncio.create_task(self._execute(run))
            self._tasks.add(task)
        return runs_service_pb2.CreateRunResponse(run=run)

    @service
    async def WatchRun(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if request.name not in self.runs:
            raise NotFound("no such run", reason="RUN_NOT_FOUND")
        async with self._changes.watch(request.name) as waiter:
            while True:
                run = self.runs[request.name]
                yield runs_service_pb2.WatchRunResponse(run=run)
                if run.state in FINAL:
                    return
                await waiter.wait(30)

    @service
    async def CancelRun(self, request: Any, context: Any) -> Any:
        run = self.runs[request.name]
        if run.state not in FINAL:
            self._set(run, _R.STATE_CANCELED)
        if request.name in self.processes and self.processes[request.name].returncode is None:
            self.processes[request.name].kill()
        return runs_service_pb2.CancelRunResponse(run=run)

    @service
    async def ReadRunLog(self, request: Any, context: Any) -> AsyncIterator[Any]:
        name, _, file = request.name.partition("/logs/")
        assert file == "user_logs/std_log.txt"
        offset = request.offset
        while True:
            final = self.runs[name].state in FINAL
            log = self.folders[name] / "std_log.txt" if name in self.folders else Path("/nonexistent")
            data = log.read_bytes()[offset:] if log.exists() else b""
            yield runs_service_pb2.ReadRunLogResponse(offset=offset, data=data, end=final)
            offset += len(data)
            if final:
                return
            await asyncio.sleep(0.05)

    async def _execute(self, run: runs_pb2.Run) -> None:
        folder = Path(self._home.name) / run.name.rpartition("/")[2]
        self.folders[run.name] = folder
        for path, data in self._artifacts.files(run.snapshot).items():
            target = folder / "work" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        variables = {**os.environ, "ORRIS_RUN_FOLDER": str(folder), "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(INSIDE)}
        variables.update(run.environment_variables)
        variables.update(run.secret_environment_variables)
        with (folder / "std_log.txt").open("wb") as log:
            process = self.processes[run.name] = await asyncio.create_subprocess_exec(
                sys.executable, run.script, *run.arguments, cwd=folder / "work", env=variables, stdout=log, stderr=log
            )  # fmt: skip
        run.agent = "agents/here"
        self._set(run, _R.STATE_RUNNING)
        announcing = asyncio.create_task(self._announce(run, folder / "journal.jsonl"))
        code = await process.wait()
        announcing.cancel()
        if run.state not in FINAL:
            run.error.code = runs_pb2.RunError.CODE_USER_PROGRAM
            run.error.message = f"the program ended with {code}"
            run.error.details = (folder / "std_log.txt").read_text()[-2000:]
            self._set(run, _R.STATE_FAILED)

    async def _announce(self, run: runs_pb2.Run, journal: Path) -> None:
        while not journal.exists() or not journal.read_text().endswith("\n"):
            await asyncio.sleep(0.02)
        event = json.loads(journal.read_text().splitlines()[0])
        assert event["event"] == "address"
        run.address = event["value"]
        self._set(run, run.state)

    def _set(self, run: runs_pb2.Run, state: Any) -> None:
        run.state = state
        run.state_reason = ""
        self._changes.notify(run.name)
