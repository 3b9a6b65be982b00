"""The service behind a real server, its neighbours behind another, and clients of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from orris.artifacts.v1.artifacts_service_pb2_grpc import add_ArtifactServiceServicer_to_server
from orris.artifacts.v1.data_service_pb2_grpc import add_DataServiceServicer_to_server
from orris.images.v1.images_service_pb2_grpc import add_ImageServiceServicer_to_server
from orris.runs.v1 import agents_service_pb2, runs_pb2
from orris.runs.v1 import runs_service_pb2 as pb
from orris.runs.v1.agents_service_pb2_grpc import AgentServiceStub
from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub
from orris.runs.v1.workspaces_service_pb2_grpc import WorkspaceServiceStub
from orris_kit.auth import Principal, Role, TokenSigner, TokenVerifier
from orris_kit.client import connect
from orris_kit.server import Server
from orris_runs.config import Settings
from orris_runs.demands import ABILITIES
from orris_runs.service import open_service
from tests.fakes.artifacts import FakeArtifacts, FakeData
from tests.fakes.images import READY, FakeImages

PARENT = "workspaces/default"
State = runs_pb2.Run


class Service:
    """The running service. `restart` stops it and starts it again over the same home."""

    def __init__(self, home: Path, neighbours: str, **settings: Any) -> None:
        self.settings = Settings(home=home, images_address=neighbours, artifacts_address=neighbours, **settings)
        self.images, self.artifacts, self.data = FakeImages(), FakeArtifacts(), FakeData()
        self._channels: list[grpc.aio.Channel] = []

    async def start(self) -> None:
        self._stack = AsyncExitStack()
        self.server = Server(authenticator=TokenVerifier(self.settings.public_key_path))
        for add, servicer in await open_service(self.settings, self._stack):
            self.server.add(add, servicer)
        self.port = await self.server.start()

    async def stop(self) -> None:
        for channel in self._channels:
            await channel.close()
        self._channels.clear()
        await self.server.stop(1)
        await self._stack.aclose()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def token(self, role: Role, workspace: str = "-", run: str | None = None) -> str:
        signer = TokenSigner(self.settings.signing_key_path)
        return signer.sign(Principal(role.value, role, workspace, run), timedelta(hours=1))

    def channel(self, role: Role = Role.USER, workspace: str = "-", run: str | None = None) -> grpc.aio.Channel:
        token = self.token(role, workspace, run)
        channel = connect(f"127.0.0.1:{self.port}", lambda: token)
        self._channels.append(channel)
        return channel

    @property
    def runs(self) -> Any:
        return RunServiceStub(self.channel())

    @property
    def agents(self) -> Any:
        return AgentServiceStub(self.channel(Role.AGENT))

    @property
    def workspaces(self) -> Any:
        return WorkspaceServiceStub(self.channel())

    async def submit(self, request_id: str = "", **run: Any) -> runs_pb2.Run:
        snapshot = self.artifacts.tree("train.py", "data/iris.csv")
        given = {
            "experiment": f"{PARENT}/experiments/iris",
            "script": "train.py",
            "snapshot": snapshot,
            "environment": READY,
            **run,
        }
        request = pb.CreateRunRequest(parent=PARENT, run=runs_pb2.Run(**given), request_id=request_id)
        made: runs_pb2.Run = (await self.runs.CreateRun(request)).run
        return made

    async def get(self, run: runs_pb2.Run) -> runs_pb2.Run:
        found: runs_pb2.Run = (await self.runs.GetRun(pb.GetRunRequest(name=run.name))).run
        return found

    async def until(self, run: runs_pb2.Run, *states: Any) -> runs_pb2.Run:
        """Watch a run until it is in one of these states."""
        async with asyncio.timeout(5):
            async for message in self.runs.WatchRun(pb.WatchRunRequest(name=run.name)):
                found: runs_pb2.Run = message.run
                if found.state in states:
                    return found
        raise AssertionError("the run ended otherwise")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what a fake has no event for."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.02)


class FakeAgent:
    """An agent that does what a test says."""

    abilities = ABILITIES

    def __init__(self, service: Service, name: str = "agents/a1") -> None:
        self.stub, self.name = service.agents, name

    async def register(self, slots: int = 1, replica_slots: int = 1) -> "FakeAgent":
        agent = agents_service_pb2.Agent(
            name=self.name, pool="local", slots=slots, replica_slots=replica_slots, abilities=self.abilities
        )
        await self.stub.RegisterAgent(agents_service_pb2.RegisterAgentRequest(agent=agent))
        return self

    async def connect(self, **slots: int) -> "FakeAgent":
        """Register, and open the stream; `first` is its first message."""
        await self.register(**slots)
        await self.reconnect()
        return self

    async def reconnect(self) -> None:
        self.stream = self.stub.WatchLeases(agents_service_pb2.WatchLeasesRequest(agent=self.name))
        self.first = await self.next()

    async def next(self) -> agents_service_pb2.WatchLeasesResponse:
        async with asyncio.timeout(5):
            message: agents_service_pb2.WatchLeasesResponse = await anext(aiter(self.stream))
            return message

    async def lease(self) -> agents_service_pb2.Lease:
        (lease,) = (await self.next()).leases
        return lease

    async def report(self, lease: str, state: Any) -> bool:
        request = agents_service_pb2.ReportRunRequest(lease_id=lease, state=state)
        return bool((await self.stub.ReportRun(request)).cancel)

    async def log(self, lease: str, offset: int, data: bytes, end: bool = False) -> int:
        request = agents_service_pb2.ReportRunRequest(lease_id=lease)
        request.logs.add(file="user_logs/std_log.txt", offset=offset, data=data, end=end)
        return int((await self.stub.ReportRun(request)).logs[0].size)

    async def finish(self, lease: str, state: Any = State.STATE_COMPLETED, **outcome: Any) -> None:
        await self.stub.FinishRun(agents_service_pb2.FinishRunRequest(lease_id=lease, state=state, **outcome))


async def open_neighbours(stack: AsyncExitStack, home: Path, **settings: Any) -> Service:
    """Start the service and its neighbours."""
    service = await beside_neighbours(stack, home, **settings)
    await service.start()
    stack.push_async_callback(service.stop)
    return service


async def beside_neighbours(stack: AsyncExitStack, home: Path, **settings: Any) -> Service:
    """Start its neighbours; return the service, which is not started."""
    server = Server(authenticator=TokenVerifier(home / "signing.pub"))
    images, artifacts, data = FakeImages(), FakeArtifacts(), FakeData()
    server.add(add_ImageServiceServicer_to_server, images)
    server.add(add_ArtifactServiceServicer_to_server, artifacts)
    server.add(add_DataServiceServicer_to_server, data)
    port = await server.start()
    stack.push_async_callback(server.stop, 0.2)
    service = Service(home, f"127.0.0.1:{port}", **settings)
    service.images, service.artifacts, service.data = images, artifacts, data
    return service


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        yield await open_neighbours(stack, tmp_path)


@pytest.fixture
async def hasty(tmp_path: Path) -> AsyncIterator[Service]:
    """The service with leases of half a second."""
    async with AsyncExitStack() as stack:
        yield await open_neighbours(stack, tmp_path, lease_duration=0.4, lease_margin=0.1)
