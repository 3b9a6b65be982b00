"""The service behind a real server, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest

from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import Unauthenticated
from orris.sdk.transfer import Transfer
from orris_artifacts.config import Settings
from orris_artifacts.service import open_service
from orris_kit.auth import Principal, Role
from orris_kit.server import Server


class Tokens:
    """`<role>@<workspace>` is the token of just that."""

    def authenticate(self, token: str) -> Principal:
        role, at, workspace = token.partition("@")
        if not at:
            raise Unauthenticated("unknown token", reason="TOKEN_INVALID")
        return Principal("ada", Role(role), workspace)


class _WithToken(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
):
    def __init__(self, token: str) -> None:
        self._metadata = (("authorization", f"Bearer {token}"),)

    def _call(self, continuation, details, request):  # type: ignore[no-untyped-def]
        return continuation(details._replace(metadata=self._metadata), request)

    intercept_unary_unary = intercept_unary_stream = intercept_stream_unary = _call


class Running:
    """A running service: `stub(token)` and `transfer(token)` talk to it; its blobs are in `blobs`."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.blobs = home / "artifacts" / "blobs"
        self.port = 0
        self._channels: list[grpc.Channel] = []

    def stub(self, token: str = "user@lab") -> ArtifactServiceStub:
        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        self._channels.append(channel)
        return ArtifactServiceStub(grpc.intercept_channel(channel, _WithToken(token)))

    def transfer(self, token: str = "user@lab") -> Transfer:
        return Transfer(self.stub(token), "lab", sleep=lambda seconds: None)

    def blob(self, digest: str) -> Path:
        return self.blobs / "lab" / digest[:2] / digest

    def close(self) -> None:
        for channel in self._channels:
            channel.close()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    made = Running(tmp_path / "home")
    async with AsyncExitStack() as stack:
        server = Server(authenticator=Tokens())
        for add, servicer in await open_service(made.settings, stack):
            server.add(add, servicer)
        made.port = await server.start()
        stack.push_async_callback(server.stop, 0)
        stack.callback(made.close)
        yield made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder
