"""The service behind a real server, and clients of it."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import grpc
import pytest
from pydantic import SecretStr

from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import Unauthenticated
from orris.sdk.transfer import Transfer
from orris_artifacts.config import Settings
from orris_artifacts.service import open_service
from orris_artifacts.store.s3.options import Patience, S3Options
from orris_kit.auth import Principal, Role
from orris_kit.server import Server

if TYPE_CHECKING:
    from tests.servers.object_storage import ObjectStorage

Serve = Callable[..., AbstractAsyncContextManager["Running"]]


class Impatient(Settings):
    """The service's settings, but that it does not try again for long."""

    @property
    def s3(self) -> S3Options | None:
        found = super().s3
        return found and replace(found, patience=Patience(attempts=0.2, answer=5.0))


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
        """Return the file of a blob that was sent alone."""
        (path,) = self.blobs.glob(f"lab/{digest[:2]}/{digest}-*")
        return path

    def close(self) -> None:
        for channel in self._channels:
            channel.close()


@asynccontextmanager
async def served(made: Running) -> AsyncIterator[Running]:
    """Run the service."""
    async with AsyncExitStack() as stack:
        server = Server(authenticator=Tokens())
        for add, servicer in await open_service(made.settings, stack):
            server.add(add, servicer)
        made.port = await server.start()
        stack.push_async_callback(server.stop, 0)
        stack.callback(made.close)
        yield made


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with served(Running(tmp_path / "home")) as made:
        yield made


@pytest.fixture
def serve(object_storage: ObjectStorage, tmp_path: Path) -> Serve:
    """Return what runs the service, with further settings, over an empty place in an object storage."""

    def begin(**options: Any) -> AbstractAsyncContextManager[Running]:
        made = Running(tmp_path / "home")
        made.settings = Settings(
            home=tmp_path / "home",
            store=f"s3://{object_storage.bucket}/{secrets.token_hex(6)}",
            s3_endpoint=object_storage.endpoint,
            s3_access_key=SecretStr(object_storage.access_key),
            s3_secret_key=SecretStr(object_storage.secret_key),
            **options,
        )
        return served(made)

    return begin


@pytest.fixture
async def running_on_storage(serve: Serve) -> AsyncIterator[Running]:
    async with serve() as made:
        yield made


class Counting:
    """Counts the calls of a stub by method; `change` is called at the beginning of each.

    What is in `instead` is called in place of the stub's method of that name.
    """

    def __init__(self, stub: ArtifactServiceStub) -> None:
        self.stub = stub
        self.calls: Counter[str] = Counter()
        self.change: Callable[[str], object] = lambda method: None
        self.instead: dict[str, Callable[..., Any]] = {}

    @property
    def transfer(self) -> Transfer:
        return Transfer(cast(ArtifactServiceStub, self), "lab", sleep=lambda seconds: None)

    def __getattr__(self, method: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls[method] += 1
            self.change(method)
            return self.instead.get(method, getattr(self.stub, method))(*arguments, **options)

        return call


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder
