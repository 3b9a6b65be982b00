"""The images and runs that models calls, small but real: over gRPC, and runs are processes of this machine."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

from orris.errors import FailedPrecondition, NotFound, Unimplemented
from orris.images.v1 import images_pb2, images_service_pb2
from orris.images.v1.images_service_pb2_grpc import ImageServiceServicer
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.runs.v1.runs_service_pb2_grpc import RunServiceServicer
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.changes import Changes
from orris_models.artifacts_client import ArtifactsClient

IMAGE = "workspaces/lab/images/i1"
OVERLAY = "workspaces/lab/images/i1-onnx"
FINAL = (runs_pb2.Run.STATE_COMPLETED, runs_pb2.Run.STATE_FAILED, runs_pb2.Run.STATE_CANCELED)
service = allow(Role.SERVICE)
Fake = TypeVar("Fake")

# A fake has what tests need; `not_faked` adds the rest.
_Images: Any = ImageServiceServicer
_Runs: Any = RunServiceServicer


def not_faked(cls: type[Fake]) -> type[Fake]:
    """Refuse the calls that a fake does not answer: the server wants to know of each whom it admits."""
    contract = next(each for each in cls.__mro__ if each.__name__.endswith("Servicer")).__name__.removesuffix(
        "Servicer"
    )
    file = {"ImageService": images_service_pb2, "RunService": runs_service_pb2}[contract].DESCRIPTOR
    for method in file.services_by_name[contract].methods:
        if method.name not in vars(cls):
            setattr(cls, method.name, service(_refuse_stream if method.server_streaming else _refuse))
    return cls


async def _refuse(self: Any, request: Any, context: Any) -> Any:
    raise Unimplemented("not faked")


async def _refuse_stream(self: Any, request: Any, context: Any) -> AsyncIterator[Any]:
    raise Unimplemented("not faked")
    yield


@not_faked
class FakeImages(_Images):
    """One image; its overlay is built at once, or fails with `error`, or is refused with `refusal`.

    Who asks for it is answered when `answers` is set.
    """

    def __init__(self) -> None:
        self.error = ""
        self.refusal = ""
        self.packages = {"numpy": "2.0", "scikit-learn": "1.5.2"}
        self.overlays: list[images_service_pb2.CreateBuildRequest] = []
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        self.references: dict[str, list[str]] = {}

    @service
    async def SetReference(
        self, request: images_service_pb2.SetReferenceRequest, context: Any
    ) -> images_service_pb2.SetReferenceResponse:
        if any(not image.startswith(IMAGE) for image in request.reference.images):
            raise FailedPrecondition("no such image", reason="TARGET_MISSING")
        self.references[request.reference.owner] = list(request.reference.images)
        return images_service_pb2.SetReferenceResponse()

    @service
    async def DeleteReference(
        self, request: images_service_pb2.DeleteReferenceRequest, context: Any
    ) -> images_service_pb2.DeleteReferenceResponse:
        self.references.pop(request.owner, None)
        return images_service_pb2.DeleteReferenceResponse()

    @service
    async def GetImage(
        self, request: images_service_pb2.GetImageRequest, context: Any
    ) -> images_service_pb2.GetImageResponse:
        self.asked.set()
        await self.answers.wait()
        if request.name != IMAGE:
            raise NotFound(f"no image {request.name}", reason="IMAGE_NOT_FOUND")
        packages = [images_pb2.Package(name=name, version=version) for name, version in self.packages.items()]
        image = images_pb2.Image(name=IMAGE, lock=images_pb2.Lock(packages=packages))
        return images_service_pb2.GetImageResponse(image=image)

    @service
    async def CreateBuild(
        self, request: images_service_pb2.CreateBuildRequest, context: Any
    ) -> images_service_pb2.CreateBuildResponse:
        if self.refusal:
            raise FailedPrecondition(self.refusal, reason="INTERPRETER_NOT_FOUND")
        self.overlays.append(request)
        build = images_pb2.Build(name=f"{request.parent}/builds/b1", state=images_pb2.Build.STATE_QUEUED)
        return images_service_pb2.CreateBuildResponse(build=build)

    @service
    async def GetBuild(
        self, request: images_service_pb2.GetBuildRequest, context: Any
    ) -> images_service_pb2.GetBuildResponse:
        build = images_pb2.Build(name=request.name, state=images_pb2.Build.STATE_SUCCEEDED, image=OVERLAY)
        if self.error:
            failed = images_pb2.Build.STATE_FAILED
            build = images_pb2.Build(name=request.name, state=failed, error=self.error)
        return images_service_pb2.GetBuildResponse(build=build)

    @service
    async def ReadBuildLog(
        self, request: images_service_pb2.ReadBuildLogRequest, context: Any
    ) -> AsyncIterator[images_service_pb2.ReadBuildLogResponse]:
        yield images_service_pb2.ReadBuildLogResponse(data=b"resolving\n")
        yield images_service_pb2.ReadBuildLogResponse(offset=10, end=True)


@not_faked
class FakeRuns(_Runs):
    """Runs that a test sets and moves on. With `execute`, a created run is executed with this test's interpreter."""

    def __init__(self, folder: Path) -> None:
        self.runs: dict[str, runs_pb2.Run] = {}
        self.created: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        self.execute = False
        self.artifacts: ArtifactsClient | None = None
        self._folder = folder
        self._changes = Changes()
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, run: runs_pb2.Run) -> None:
        """Add a run, or change one."""
        self.runs[run.name] = run
        self._changes.notify(run.name)

    def move(self, name: str, state: runs_pb2.Run.State.ValueType, **changes: Any) -> None:
        """Change a run's state, and more of it."""
        changed = runs_pb2.Run()
        changed.CopyFrom(self.runs[name])
        changed.MergeFrom(runs_pb2.Run(state=state, **changes))
        self.put(changed)

    @service
    async def GetRun(self, request: runs_service_pb2.GetRunRequest, context: Any) -> runs_service_pb2.GetRunResponse:
        return runs_service_pb2.GetRunResponse(run=self._get(request.name))

    @service
    async def CreateRun(
        self, request: runs_service_pb2.CreateRunRequest, context: Any
    ) -> runs_service_pb2.CreateRunResponse:
        self.calls["CreateRun"] += 1
        name = self.created.get(request.request_id)
        if name is None:
            name = f"{request.parent}/runs/conversion_{len(self.created)}"
            self.created[request.request_id] = name
            run = runs_pb2.Run()
            run.CopyFrom(request.run)
            run.name, run.state = name, runs_pb2.Run.STATE_QUEUED
            self.put(run)
            if self.execute:
                self._tasks.add(asyncio.create_task(self._execute(run)))
        return runs_service_pb2.CreateRunResponse(run=self.runs[name])

    @service
    async def WatchRun(
        self, request: runs_service_pb2.WatchRunRequest, context: Any
    ) -> AsyncIterator[runs_service_pb2.WatchRunResponse]:
        async with self._changes.watch(request.name) as waiter:
            while True:
                run = self._get(request.name)
                yield runs_service_pb2.WatchRunResponse(run=run)
                if run.state in FINAL:
                    return
                await waiter.wait(10)

    def _get(self, name: str) -> runs_pb2.Run:
        if name not in self.runs:
            raise NotFound(f"no run {name}", reason="RUN_NOT_FOUND")
        return self.runs[name]

    async def _execute(self, run: runs_pb2.Run) -> None:
        assert self.artifacts is not None
        workspace = run.name.split("/")[1]
        folder = self._folder / run.name.rpartition("/")[2]
        for file in await self.artifacts.files(run.snapshot):
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(await self.artifacts.read(workspace, file))
        self.move(run.name, runs_pb2.Run.STATE_RUNNING)
        program = await asyncio.create_subprocess_exec(
            sys.executable, run.script, cwd=folder, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        _, said = await program.communicate()
        if program.returncode:
            error = runs_pb2.RunError(code=runs_pb2.RunError.CODE_USER_PROGRAM, details=said.decode())
            self.move(run.name, runs_pb2.Run.STATE_FAILED, error=error)
            return
        kept = {str(path.relative_to(folder)): path.read_bytes() for path in (folder / "outputs").iterdir()}
        files = await self.artifacts.upload(workspace, kept)
        self.move(run.name, runs_pb2.Run.STATE_COMPLETED, outputs=await self.artifacts.create_tree(workspace, files))
