"""The files that a Dockerfile uses: kept at the artifacts for its environment, there when it is built."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from orris.artifacts.v1 import artifacts_service_pb2
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import InvalidArgument, OrrisError
from orris.images.v1 import images_service_pb2 as pb
from orris.sdk.channel import shared_channel
from orris.sdk.transfer import Transfer
from orris_artifacts.config import Settings
from orris_artifacts.service import open_service
from orris_images.artifact_contexts import ArtifactContexts
from orris_images.container import Dockerfile
from orris_images.locking import lock_spec
from orris_images.spec import Spec
from orris_kit.server import Server
from tests.integration.images.containers import Maker
from tests.integration.images.serving import PARENT, Service, Tokens
from tests.integration.images.serving import Spec as Message
from tests.servers.docker import BASE_IMAGE, Engine

TEXT = f"FROM {BASE_IMAGE}\nCOPY . /data/\nRUN test -x /data/bin/tool\n"


@dataclass
class Artifacts:
    """A running service, and the tree of a folder there."""

    address: str
    tree: str

    @property
    def stub(self) -> ArtifactServiceStub:
        return ArtifactServiceStub(shared_channel(self.address, "service"))

    def owners(self) -> int:
        request = artifacts_service_pb2.GetStorageRequest(name=f"{PARENT}/storage")
        return int(self.stub.GetStorage(request).storage.owner_count)


@pytest.fixture
async def artifacts(tmp_path: Path) -> AsyncIterator[Artifacts]:
    folder = tmp_path / "context"
    (folder / "bin").mkdir(parents=True)
    (folder / "words.txt").write_text("from the context\n")
    (folder / "bin" / "tool").write_text("#!/bin/sh\n")
    (folder / "bin" / "tool").chmod(0o755)
    async with AsyncExitStack() as stack:
        server = Server(authenticator=Tokens())
        for add, servicer in await open_service(Settings(home=tmp_path / "artifacts"), stack):
            server.add(add, servicer)
        made = Artifacts(f"127.0.0.1:{await server.start()}", "")
        stack.push_async_callback(server.stop, 5)
        files = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
        made.tree = (await asyncio.to_thread(Transfer(made.stub, "lab").upload, files)).name
        yield made


async def test_they_are_kept_as_long_as_the_environment(artifacts: Artifacts, tmp_path: Path) -> None:
    async with Service(tmp_path / "images", artifacts_address=artifacts.address) as service:
        service.settings.token_path.write_text("service")
        spec = Message(dockerfile=Message.Dockerfile(text=TEXT, context=artifacts.tree))
        request = pb.CreateEnvironmentRequest(parent=PARENT, environment_id="AzureML-mine", spec=spec)
        with pytest.raises(InvalidArgument, match="AzureML"):
            await service.user.CreateEnvironment(request)
        assert await asyncio.to_thread(artifacts.owners) == 0
        request.environment_id = "mine"
        await service.user.CreateEnvironment(request)
        await service.user.CreateEnvironment(request)
        assert await asyncio.to_thread(artifacts.owners) == 1
        spec.dockerfile.context = f"{PARENT}/trees/{'0' * 64}"
        request.spec.CopyFrom(spec)
        with pytest.raises(InvalidArgument, match="not stored") as caught:
            await service.user.CreateEnvironment(request)
        assert caught.value.violations[0].field == "spec.dockerfile.context"


async def test_they_are_let_go_where_no_environment_comes_to_be(artifacts: Artifacts, tmp_path: Path) -> None:
    """What fails here is a request id that stands for another request: that is found out while it is recorded."""
    async with Service(tmp_path / "images", artifacts_address=artifacts.address) as service:
        service.settings.token_path.write_text("service")
        spec = Message(dockerfile=Message.Dockerfile(text=TEXT, context=artifacts.tree))
        plain = Message(dockerfile=Message.Dockerfile(text=f"FROM {BASE_IMAGE}\n"))
        taken = {"parent": PARENT, "request_id": "11111111-1111-4111-8111-111111111111"}
        await service.user.CreateEnvironment(pb.CreateEnvironmentRequest(environment_id="plain", spec=plain, **taken))
        failing = pb.CreateEnvironmentRequest(environment_id="mine", spec=spec, **taken)
        with pytest.raises(OrrisError, match="request_id"):
            await service.user.CreateEnvironment(failing)
        assert await asyncio.to_thread(artifacts.owners) == 0
        await service.user.CreateEnvironment(
            pb.CreateEnvironmentRequest(parent=PARENT, environment_id="mine", spec=spec)
        )
        with pytest.raises(OrrisError, match="request_id"):
            await service.user.CreateEnvironment(failing)
        assert await asyncio.to_thread(artifacts.owners) == 1


@pytest.mark.needs("docker")
async def test_copy_finds_them(artifacts: Artifacts, engine: Engine, tmp_path: Path) -> None:
    contexts = ArtifactContexts(artifacts.address, lambda: "service")
    maker = Maker(tmp_path / "home", engine, None, contexts=contexts)
    spec = Spec(dockerfile=Dockerfile(TEXT, artifacts.tree))
    lock, _ = lock_spec(spec, maker.pythons, maker.resolver, maker.log.append)
    reference = await asyncio.to_thread(maker.build, lock)
    assert await asyncio.to_thread(maker.run, reference, "cat", "/data/words.txt") == "from the context"
