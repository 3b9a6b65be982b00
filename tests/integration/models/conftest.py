"""The service behind a real server, beside real artifacts and fakes of images and runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from orris.errors import Unauthenticated
from orris.images.v1.images_service_pb2_grpc import add_ImageServiceServicer_to_server
from orris.models.v1 import models_pb2, models_service_pb2
from orris.models.v1.models_service_pb2_grpc import ModelServiceStub
from orris.runs.v1 import runs_pb2
from orris.runs.v1.runs_service_pb2_grpc import add_RunServiceServicer_to_server
from orris_artifacts.config import Settings as ArtifactsSettings
from orris_artifacts.service import open_service as open_artifacts
from orris_kit.auth import Principal, Role
from orris_kit.client import connect
from orris_kit.server import Server
from orris_models.artifacts_client import ArtifactsClient
from orris_models.config import Settings
from orris_models.service import open_service
from tests.fakes.models_neighbours import IMAGE, FakeImages, FakeRuns

LAB = "workspaces/lab"
RUN = f"{LAB}/runs/r1"
SKLEARN = models_pb2.FRAMEWORK_SCIKIT_LEARN


class Tokens:
    """`<role>@<workspace>[@<run>]` is the token of just that."""

    def authenticate(self, token: str) -> Principal:
        role, _, rest = token.partition("@")
        workspace, _, run = rest.partition("@")
        if not workspace:
            raise Unauthenticated("unknown token", reason="TOKEN_INVALID")
        return Principal("ada", Role(role), workspace, run or None)


class Neighbourhood:
    """Everything that runs. The models service can be stopped and started again on the same data."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.images = FakeImages()
        self.runs = FakeRuns(home / "executed")
        self.stack = AsyncExitStack()
        self._models, self._artifacts = AsyncExitStack(), AsyncExitStack()
        (home / "service.token").write_text("service@-")

    async def open(self) -> None:
        self.artifacts_address = "127.0.0.1:0"
        await self.start_artifacts()
        server = Server(authenticator=Tokens())
        server.add(add_ImageServiceServicer_to_server, self.images)
        server.add(add_RunServiceServicer_to_server, self.runs)
        self.address = f"127.0.0.1:{await server.start()}"
        self.stack.push_async_callback(server.stop, 0)
        channel = connect(self.artifacts_address, lambda: "service@-")
        self.stack.push_async_callback(channel.close)
        self.artifacts = self.runs.artifacts = ArtifactsClient(channel)
        await self.start()

    async def start_artifacts(self) -> None:
        """Start the artifacts service, at the address that it had before."""
        server = Server(self.artifacts_address, authenticator=Tokens())
        for add, servicer in await open_artifacts(ArtifactsSettings(home=self.home), self._artifacts):
            server.add(add, servicer)
        self.artifacts_address = f"127.0.0.1:{await server.start()}"
        self._artifacts.push_async_callback(server.stop, 0)

    async def stop_artifacts(self) -> None:
        """Stop the artifacts service."""
        await self._artifacts.aclose()

    async def start(self) -> None:
        """Start the models service."""
        # Each service has its own port here, so that models can stop alone.
        settings = Settings(
            home=self.home,
            artifacts_address=self.artifacts_address,
            images_address=self.address,
            runs_address=self.address,
        )
        server = Server(authenticator=Tokens())
        for add, servicer in await open_service(settings, self._models):
            server.add(add, servicer)
        self.port = await server.start()
        self._models.push_async_callback(server.stop, 0)

    async def stop(self) -> None:
        """Stop the models service."""
        await self._models.aclose()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def stub(self, token: str = "user@lab") -> Any:
        channel = connect(f"127.0.0.1:{self.port}", lambda: token)
        self._models.push_async_callback(channel.close)
        return ModelServiceStub(channel)

    async def tree(self, **files: bytes) -> str:
        """Store files (`__` in a name is `/`, `_dot_` is `.`); return the tree's name."""
        contents = {name.replace("__", "/").replace("_dot_", "."): data for name, data in files.items()}
        return await self.artifacts.create_tree("lab", await self.artifacts.upload("lab", contents))

    async def finished_run(self, name: str = RUN, left_behind: tuple[str, ...] = (), **files: bytes) -> None:
        self.runs.put(
            runs_pb2.Run(
                name=name,
                state=runs_pb2.Run.STATE_COMPLETED,
                experiment=f"{LAB}/experiments/e",
                image=IMAGE,
                outputs=await self.tree(**files) if files else "",
                snapshot=await self.tree(train_dot_py=b"print(1)"),
                script="train.py",
                left_behind=left_behind,
            )
        )

    async def create(
        self,
        *,
        token: str = "user@lab",
        model_id: str = "iris",
        run_path: str = "",
        request_id: str = "",
        **content: Any,
    ) -> Any:
        request = models_service_pb2.CreateModelVersionRequest(
            parent=LAB,
            model_id=model_id,
            model_version=models_pb2.ModelVersion(**content),
            run_path=run_path,
            request_id=request_id,
        )
        return (await self.stub(token).CreateModelVersion(request)).model_version

    async def get(self, name: str) -> Any:
        request = models_service_pb2.GetModelVersionRequest(name=name)
        return (await self.stub().GetModelVersion(request)).model_version

    async def end_of(self, name: str) -> Any:
        """Watch a version until its conversion is final; return it with the states seen."""
        states, last = [], None
        async for answer in self.stub().WatchModelVersion(models_service_pb2.WatchModelVersionRequest(name=name)):
            last = answer.model_version
            states.append(models_pb2.Conversion.State.Name(last.conversion.state).removeprefix("STATE_"))
        return last, states

    async def referenced(self, name: str) -> set[str]:
        """Return the trees that a version refers to, from the artifacts' own database."""
        import sqlite3

        with sqlite3.connect(self.home / "artifacts" / "artifacts.db") as database:
            rows = database.execute("select digest from reference_targets where owner = ?", (name,))
            return {f"{LAB}/trees/{row[0]}" for row in rows}


@pytest.fixture
async def around(tmp_path: Path) -> AsyncIterator[Neighbourhood]:
    around = Neighbourhood(tmp_path)
    await around.open()
    yield around
    await around.stop()
    await around.stack.aclose()
    await around.stop_artifacts()
