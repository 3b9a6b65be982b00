"""Images come from a real registry, once, and are made again when it has lost them."""

from __future__ import annotations

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import ImageNotFound

from orris.errors import FailedPrecondition, Unavailable
from orris.images.v1 import images_pb2 as images
from orris.images.v1 import images_service_pb2 as rpc
from orris_agent.runtimes.docker.pulling import Registry as Login
from orris_agent.runtimes.docker.runtime import DockerRuntime
from orris_agent.runtimes.port import NotNowError
from tests.servers.docker import BASE_IMAGE, Engine
from tests.servers.registry import Registry
from tests.servers.runtimes import Machine, docker_runtime

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


class Images:
    """Stands in for the images service: makes an image again, and says so in two pieces."""

    def __init__(self, again: Any, state: images.Build.State.ValueType = images.Build.STATE_SUCCEEDED) -> None:
        self._again, self._state = again, state
        self.reference, self.asked, self.interrupted = "", 0, 0
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
