"""Images come from a real registry, once, and are made again when it has lost them."""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound

from orris.errors import FailedPrecondition, Unavailable
from orris.images.v1 import images_pb2 as images
from orris.images.v1 import images_service_pb2 as rpc
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.execution import INSTALL_LOG, Execution
from orris_agent.requests import RequestServer
from orris_agent.runtimes.docker.pulling import Registry as Login
from orris_agent.runtimes.docker.runtime import DockerRuntime
from orris_agent.runtimes.port import NotNowError
from tests.servers.docker import BASE_IMAGE, Engine
from tests.servers.registry import Registry
from tests.servers.runtimes import Machine, docker_runtime
from tests.unit.agent.test_execution import Reports, Storage

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("registry")]


@pytest.fixture
def login(registry: Registry) -> Login:
    return Login(registry.username, registry.password)


@pytest.fixture
def reference(engine: Engine, registry: Registry) -> Iterator[str]:
    """An image of the test's own."""
    pushed = push(engine, registry, f"{registry.address}/orris/{secrets.token_hex(4)}")
    yield pushed
    with suppress(ImageNotFound):
        engine.client.images.remove(pushed, force=True)


def push(engine: Engine, registry: Registry, repository: str) -> str:
    """Make an image that only the registry has; return its reference with its digest."""
    text = f"FROM {BASE_IMAGE}\nLABEL unique={repository}\n"
    image, _ = engine.client.images.build(fileobj=io.BytesIO(text.encode()), tag=f"{repository}:latest", rm=True)
    login = {"username": registry.username, "password": registry.password}
    said = engine.client.images.push(repository, "latest", auth_config=login)
    assert "errorDetail" not in said, said
    image.reload()
    digest = next(each for each in image.attrs["RepoDigests"] if each.startswith(repository))
    engine.client.images.remove(f"{repository}:latest", force=True)
    return str(digest)


def leased(folder: Path, engine: Engine, reference: str) -> Any:
    lease, _ = Machine(folder, engine.host).run("true")
    lease.image.reference = reference
    lease.image.name = f"workspaces/lab/images/{'0' * 64}"
    return lease


async def test_an_image_is_pulled_once_and_its_progress_is_told(
    engine: Engine, login: Login, reference: str, tmp_path: Path
) -> None:
    lease, said = leased(tmp_path, engine, reference), [list[str](), list[str]()]
    runtime = docker_runtime(tmp_path, engine.host, login)
    assert not await runtime.is_ready(lease)
    await asyncio.gather(*(runtime.make_ready(lease, lines.append) for lines in said))
    assert await runtime.is_ready(lease)
    assert sorted(any("Pulled" in line for line in lines) for lines in said) == [False, True]
    assert any("Another run is pulling" in line for lines in said for line in lines)


@pytest.mark.parametrize("login", [Login(), Login("orris", "wrong")])
async def test_a_registry_that_does_not_know_the_agent_names_the_settings(
    engine: Engine, login: Login, reference: str, tmp_path: Path
) -> None:
    runtime = docker_runtime(tmp_path, engine.host, login)
    with pytest.raises(FailedPrecondition, match="ORRIS_AGENT_REGISTRY_USERNAME"):
        await runtime.make_ready(leased(tmp_path, engine, reference), print)


async def test_a_registry_that_is_away_is_waited_for(
    engine: Engine, registry: Registry, login: Login, reference: str, tmp_path: Path
) -> None:
    runtime, lease = docker_runtime(tmp_path, engine.host, login), leased(tmp_path, engine, reference)
    registry.program.stop()
    try:
        with pytest.raises(NotNowError, match="waits for the registry"):
            await runtime.make_ready(lease, print)
    finally:
        registry.program.start()
    await runtime.make_ready(lease, print)
    assert await runtime.is_ready(lease)


async def test_an_image_that_is_removed_before_its_run_starts_is_brought_again(
    engine: Engine, login: Login, reference: str, tmp_path: Path
) -> None:
    """The run notices nothing: by another's `docker image prune`, for example."""
    runtime = docker_runtime(tmp_path, engine.host, login)
    lease, folder = Machine(tmp_path, engine.host).run("true")
    lease.image.reference = reference
    await runtime.make_ready(lease, print)
    ready = runtime.is_ready

    async def removed_behind_its_back(lease: Any) -> bool:
        assert await ready(lease)
        await asyncio.to_thread(engine.client.images.remove, reference, force=True)
        return True

    setattr(runtime, "is_ready", removed_behind_its_back)  # noqa: B010
    reports = Reports()
    storage: Any = Snapshotless()
    await Execution(lease, folder, reports, storage, runtime, RequestServer({})).run()  # type: ignore[arg-type]
    (told,) = reports.finished
    assert told.state == runs.Run.STATE_COMPLETED, told
    assert b"Pulled" in reports.logs[INSTALL_LOG]


class Snapshotless(Storage):
    """Stands in for the artifacts: the working directory is there already."""

    async def download(self, tree: str, folder: Path) -> None:
        assert folder.name == "work"


class Images:
    """Stands in for the images service: makes an image again, and says so in two pieces."""

    def __init__(self, again: Any, state: images.Build.State.ValueType = images.Build.STATE_SUCCEEDED) -> None:
        self._again, self._state = again, state
        self.reference, self.asked, self.interrupted = "", 0, 0
        self.listed: list[images.Image] = []
        self.refusal: Exception | None = None
        self.log = b"resolving\nbuilding\npushing"

    async def RestoreImage(self, request: rpc.RestoreImageRequest) -> rpc.RestoreImageResponse:
        self.asked += 1
        if not self.reference:
            self.reference = await asyncio.to_thread(self._again)
        return rpc.RestoreImageResponse(build=images.Build(name="workspaces/lab/builds/b"))

    async def ReadBuildLog(self, request: rpc.ReadBuildLogRequest) -> AsyncIterator[rpc.ReadBuildLogResponse]:
        half = len(self.log) // 2
        if request.offset < half:
            yield rpc.ReadBuildLogResponse(offset=request.offset, data=self.log[request.offset : half])
        if self.interrupted:
            self.interrupted -= 1
            raise Unavailable("restarting")
        yield rpc.ReadBuildLogResponse(data=self.log[max(half, request.offset) :], end=True)

    async def GetBuild(self, request: rpc.GetBuildRequest) -> rpc.GetBuildResponse:
        return rpc.GetBuildResponse(build=images.Build(name=request.name, state=self._state, error="no such package"))

    async def ListImages(self, request: rpc.ListImagesRequest) -> rpc.ListImagesResponse:
        """Give one image a page."""
        if self.refusal is not None:
            raise self.refusal
        at = int(request.page_token or "0")
        more = str(at + 1) if at + 1 < len(self.listed) else ""
        return rpc.ListImagesResponse(images=self.listed[at : at + 1], next_page_token=more)

    async def GetImage(self, request: rpc.GetImageRequest) -> rpc.GetImageResponse:
        return rpc.GetImageResponse(image=images.Image(name=request.name, reference=self.reference))


async def bring(runtime: DockerRuntime, lease: Any) -> list[str]:
    """Make ready as an execution does: again, while something is away."""
    said: list[str] = []
    while True:
        try:
            await runtime.make_ready(lease, said.append)
        except NotNowError:
            continue
        return said


@pytest.mark.parametrize("interrupted", [0, 2])
async def test_an_image_that_the_registry_has_lost_is_made_again(
    engine: Engine, registry: Registry, login: Login, tmp_path: Path, interrupted: int
) -> None:
    repository = f"{registry.address}/orris/{secrets.token_hex(4)}"

    service = Images(lambda: push(engine, registry, repository))
    service.interrupted = interrupted
    lease = leased(tmp_path, engine, f"{repository}@sha256:{'0' * 64}")
    runtime = docker_runtime(tmp_path, engine.host, login, service)
    said = await bring(runtime, lease)
    assert await runtime.is_ready(lease)
    assert [line for line in said if line in ("resolving", "building", "pushing")] == [
        "resolving",
        "building",
        "pushing",
    ]
    assert service.asked == 1 + interrupted
    engine.client.images.remove(service.reference, force=True)


async def test_an_image_that_cannot_be_made_again_says_why(engine: Engine, login: Login, tmp_path: Path) -> None:
    service = Images(lambda: "none", images.Build.STATE_FAILED)
    runtime = docker_runtime(tmp_path, engine.host, login, service)
    with pytest.raises(FailedPrecondition, match="could not be made again: no such package"):
        await runtime.make_ready(leased(tmp_path, engine, f"sha256:{'0' * 64}"), print)


async def test_an_image_of_another_machines_engine_names_the_registry(
    engine: Engine, login: Login, tmp_path: Path
) -> None:
    absent = f"sha256:{'0' * 64}"
    runtime = docker_runtime(tmp_path, engine.host, login, Images(lambda: absent))
    with pytest.raises(FailedPrecondition, match="ORRIS_IMAGES_REGISTRY"):
        await runtime.make_ready(leased(tmp_path, engine, absent), print)


async def test_without_a_registry_an_image_is_made_again_by_the_engine_that_had_it(
    engine: Engine, login: Login, tmp_path: Path
) -> None:
    unique = secrets.token_hex(4)

    def made() -> str:
        text = f"FROM {BASE_IMAGE}\nLABEL unique={unique}\n"
        image, _ = engine.client.images.build(fileobj=io.BytesIO(text.encode()), rm=True, nocache=True)
        return str(image.id)

    service = Images(made)
    runtime = docker_runtime(tmp_path, engine.host, login, service)
    lease, folder = Machine(tmp_path, engine.host).run("true")
    lease.image.reference = made()
    lease.image.name = f"workspaces/lab/images/{unique}"
    assert await runtime.is_ready(lease)
    engine.client.images.remove(lease.image.reference, force=True)
    await runtime.make_ready(lease, print)
    assert service.asked == 1
    assert lease.image.reference == service.reference
    await runtime.start(lease, folder)
    ending = await runtime.wait(folder)
    assert ending.exit is not None
    assert ending.exit.exit_code == 0
    await runtime.end(folder)
    engine.client.images.remove(service.reference, force=True)


def aged(folder: Path, seconds: float) -> None:
    """Let the only image that was pulled be unused for so long."""
    (note,) = (folder / "images").glob("*.json")
    os.utime(note, (time.time() - seconds,) * 2)


def has(engine: Engine, reference: str) -> bool:
    try:
        engine.client.images.get(reference)
    except ImageNotFound:
        return False
    return True


class Swept:
    """A runtime that has pulled an image, and the service that may have forgotten it."""

    def __init__(self, folder: Path, engine: Engine, login: Login, reference: str) -> None:
        self.folder, self.engine, self.reference = folder, engine, reference
        self.service = Images(lambda: reference)
        self.service.reference = reference
        self.runtime = docker_runtime(folder, engine.host, login, self.service)
        self.lease, self.run = Machine(folder, engine.host).run("sleep", "600")
        self.lease.image.reference, self.lease.image.name = reference, f"workspaces/lab/images/{'a' * 64}"
        other = images.Image(name=f"workspaces/lab/images/{'b' * 64}", reference="another")
        self.service.listed = [other, self.lease.image]

    async def is_kept(self) -> bool:
        await self.runtime.tidy()
        return has(self.engine, self.reference)


@pytest.fixture
async def swept(engine: Engine, login: Login, reference: str, tmp_path: Path) -> Swept:
    made = Swept(tmp_path, engine, login, reference)
    await made.runtime.make_ready(made.lease, print)
    return made


async def test_an_image_that_was_not_used_for_long_is_removed(swept: Swept) -> None:
    aged(swept.folder, 86_400 - 60)
    assert await swept.is_kept()
    aged(swept.folder, 86_400 + 60)
    assert not await swept.is_kept()
    assert not list((swept.folder / "images").iterdir())
    await swept.runtime.make_ready(swept.lease, print)
    assert await swept.is_kept()


async def test_an_image_that_the_service_has_no_more_is_removed_but_not_at_once(swept: Swept) -> None:
    del swept.service.listed[1]
    assert await swept.is_kept()
    aged(swept.folder, 7200)
    assert await swept.runtime.is_ready(swept.lease)  # that is a use
    assert await swept.is_kept()
    aged(swept.folder, 7200)
    assert not await swept.is_kept()


async def test_an_image_that_was_made_anew_is_removed(swept: Swept) -> None:
    aged(swept.folder, 7200)
    assert await swept.is_kept()
    swept.service.listed[1] = images.Image(name=swept.lease.image.name, reference="registry/orris@sha256:other")
    assert not await swept.is_kept()


async def test_while_the_service_cannot_be_asked_images_stay(swept: Swept) -> None:
    swept.service.refusal = Unavailable("starting")
    aged(swept.folder, 7200)
    assert await swept.is_kept()


async def test_an_image_of_a_container_is_never_removed(swept: Swept) -> None:
    swept.service.listed = []
    await swept.runtime.start(swept.lease, swept.run)
    aged(swept.folder, 10 * 86_400)
    assert await swept.is_kept()
    await swept.runtime.end(swept.run)
    assert not await swept.is_kept()


async def test_what_somebody_else_brought_stays(engine: Engine, swept: Swept) -> None:
    """Under another tag, or never pulled by this agent."""
    other = f"others/{secrets.token_hex(4)}:1"
    engine.client.images.get(swept.reference).tag(other)
    aged(swept.folder, 10 * 86_400)
    await swept.runtime.tidy()
    try:
        assert has(engine, other)
        assert has(engine, BASE_IMAGE)
    finally:
        engine.client.images.remove(other, force=True)


async def test_a_sweep_waits_for_its_engine(swept: Swept) -> None:
    aged(swept.folder, 10 * 86_400)
    away = docker_runtime(swept.folder, "unix:///nowhere/docker.sock", None, swept.service)
    await away.tidy()
    assert list((swept.folder / "images").iterdir())
