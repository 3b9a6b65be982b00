"""Put an agent together: its channels, its folders, what it executes runs with."""

from __future__ import annotations

import contextlib
import os
import socket

from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.models.v1 import models_service_pb2
from orris.models.v1.models_service_pb2_grpc import ModelServiceStub
from orris.names import AgentName, RunName
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1.agents_service_pb2_grpc import AgentServiceStub
from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub
from orris.sdk.channel import shared_channel
from orris_agent.agent import Agent
from orris_agent.blob_cache import BlobCache
from orris_agent.config import Settings, platform_name
from orris_agent.environments import VirtualEnvironments
from orris_agent.execution import Execution
from orris_agent.folder import RunFolder, RunFolders
from orris_agent.record import Record
from orris_agent.registration import Registration
from orris_agent.reports import Reports
from orris_agent.requests import RequestServer
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking
from orris_kit.client import connect, token_from


async def open_agent(settings: Settings, stack: contextlib.AsyncExitStack) -> Agent:
    """Return the agent; its channel is closed with the stack."""
    token = token_from(settings.token_path)
    contract = agents.DESCRIPTOR.services_by_name["AgentService"]
    channel = await stack.enter_async_context(connect(settings.runs_address, token, services=[contract]))
    models_contract = models_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
    models = await stack.enter_async_context(connect(settings.models_address, token, services=[models_contract]))
    stub = AgentServiceStub(channel)
    environments = VirtualEnvironments(settings.environments_path, settings.link_mode)
    cache = await run_blocking(BlobCache, settings.cache_path, settings.cache_size)

    def storage(workspace: str) -> Storage:
        return Storage(ArtifactServiceStub(shared_channel(settings.artifacts_address, token())), workspace, cache)

    record = Record(RunServiceStub(channel))
    registration = Registration(ModelServiceStub(models), storage)
    requests = RequestServer({"get_run": record.get_run, "register_model": registration.register_model})

    def execution(lease: agents.Lease, folder: RunFolder) -> Execution:
        workspace = RunName.parse(lease.run.name).workspace
        reports = Reports(stub, lease.id)
        return Execution(lease, folder, reports, storage(workspace), environments, requests, os.environ)

    return Agent(stub, _identity(settings), RunFolders(settings.folder_path / "runs"), execution)


def _identity(settings: Settings) -> agents.Agent:
    return agents.Agent(
        name=str(AgentName(settings.name)),
        pool=settings.pool,
        slots=settings.slots,
        replica_slots=settings.replica_slots,
        platform=platform_name(),
        hostname=socket.gethostname(),
    )
