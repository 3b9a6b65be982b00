"""The images service as its clients see it: a real server on a free port, stopped and started as a test likes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from orris.errors import Unauthenticated
from orris.images.v1 import images_pb2
from orris.images.v1 import images_service_pb2 as pb
from orris.images.v1.images_service_pb2_grpc import ImageServiceStub
from orris_images.config import Settings
from orris_images.service import open_service
from orris_kit.auth import Principal, Role
from orris_kit.client import connect
from orris_kit.server import Server

PRINCIPALS = {
    "user": Principal("ada", Role.USER, "lab"),
    "service": Principal("models", Role.SERVICE),
    "reader": Principal("bob", Role.READER, "lab"),
}
PARENT = "workspaces/lab"
Build = images_pb2.Build
Spec = images_pb2.EnvironmentSpec


class Tokens:
    """Knows its tokens by heart."""

    def authenticate(self, token: str) -> Principal:
        if token not in PRINCIPALS:
            raise Unauthenticated("unknown token")
        return PRINCIPALS[token]


class Service:
    """One life of the service over a home that outlives it."""

    def __init__(self, home: Path, **settings: Any) -> None:
        self.settings = Settings(home=home, **settings)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Service:
        server = Server(authenticator=Tokens())
        for add, servicer in await open_service(self.settings, self._stack):
            server.add(add, servicer)
        port = await server.start()
        self._stack.push_async_callback(server.stop, 5)
        for name in PRINCIPALS:
            channel = connect(f"127.0.0.1:{port}", lambda name=name: name)  # type: ignore[misc]
            self._stack.push_async_callback(channel.close)
            setattr(self, name, ImageServiceStub(channel))  # type: ignore[no-untyped-call, unused-ignore]
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._stack.aclose()

    user: Any
    service: Any
    reader: Any

    async def register(self, name: str, *packages: str, **rest: Any) -> images_pb2.Environment:
        spec = Spec(packages=Spec.Packages(pip_packages=packages), **rest)
        request = pb.CreateEnvironmentRequest(parent=PARENT, environment_id=name, spec=spec)
        made: images_pb2.Environment = (await self.user.CreateEnvironment(request)).environment
        return made

    async def build(self, environment: str, **rest: Any) -> images_pb2.Build:
        request = pb.CreateBuildRequest(parent=PARENT, environment=environment, **rest)
        made: images_pb2.Build = (await self.user.CreateBuild(request)).build
        return made

    async def follow(self, build: images_pb2.Build, offset: int = 0) -> tuple[str, images_pb2.Build]:
        """Return the whole log from `offset` and the build as it ended."""
        data, ends = b"", []
        async for each in self.reader.ReadBuildLog(pb.ReadBuildLogRequest(name=build.name, offset=offset, follow=True)):
            assert each.offset == offset + len(data)
            data += each.data
            ends.append(each.end)
        assert ends[-1]
        assert not any(ends[:-1])
        return data.decode(), (await self.user.GetBuild(pb.GetBuildRequest(name=build.name))).build
