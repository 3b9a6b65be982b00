"""Put an agent together: its channels, its folders, what it executes runs with."""

from __future__ import annotations

import contextlib
import os
from time import monotonic

from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.artifacts.v1.data_service_pb2_grpc import DataServiceStub
from orris.images.v1 import images_service_pb2
from orris.images.v1.images_service_pb2_grpc import ImageServiceStub
from orris.models.v1 import models_service_pb2
from orris.models.v1.models_service_pb2_grpc import ModelServiceStub
from orris.names import RunName
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris.runs.v1.agents_service_pb2_grpc import AgentServiceStub
from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub
from orris.sdk.channel import shared_channel
from orris_agent.agent import Agent
from orris_agent.blob_cache import BlobCache
from orris_agent.children import Children
from orris_agent.config import Settings
from orris_agent.control import boottime
from orris_agent.dataset_registration import DatasetRegistration
from orris_agent.datasets import Datasets
from orris_agent.execution import Execution
from orris_agent.folder import RunFolder, RunFolders
from orris_agent.identity import identity, offered
from orris_agent.known_trees import KnownTrees
from orris_agent.lease_clock import LeaseClock
from orris_agent.places import Place, Places
from orris_agent.record import Record
from orris_agent.registration import Registration
from orris_agent.reports import Reports
from orris_agent.requests import RequestServer
from orris_agent.runtimes.choice import Runtimes
from orris_agent.runtimes.docker.engine import Engine
from orris_agent.runtimes.docker.images import EngineImages
from orris_agent.runtimes.docker.pulled import PulledImages
from orris_agent.runtimes.docker.pulling import Registry
from orris_agent.runtimes.docker.restoring import Restoring
from orris_agent.runtimes.docker.runtime import DockerRuntime
from orris_agent.runtimes.process.environments import VirtualEnvironments
from orris_agent.runtimes.process.runtime import ProcessRuntime
from orris_agent.runtimes.process.warm.launchers import Launchers
from orris_agent.runtimes.warm.room import Limits, Room
from orris_agent.shared_trees import SharedTrees
from orris_agent.snapshots import Snapshots
from orris_agent.spreading import Spreading
from orris_agent.storage import Storage
from orris_agent.submitting import Submitting
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
    environments = VirtualEnvironments(settings.environments_path, settings.link_mode, settings.conda)
    engine = Engine(os.environ)
    room = Room(Limits(settings.launchers, settings.launchers_memory, settings.launchers_idle))
    containers = await _containers(settings, engine, room, stack)
    spreading = Spreading(settings.ray_cluster, settings.environments_path)
    processes = ProcessRuntime(environments, os.environ, _launchers(settings, room, stack), spreading)
    runtimes = Runtimes(processes, containers, await offered(settings, engine))
    cache = await run_blocking(BlobCache, settings.cache_path, settings.cache_size)
    trees = KnownTrees()
    shared = SharedTrees(settings.folder_path / "data", settings.folder_path / "runs", settings.cache_size)

    def storage(workspace: str) -> Storage:
        channel = shared_channel(settings.artifacts_address, token())
        return Storage(ArtifactServiceStub(channel), workspace, cache, trees, DataServiceStub(channel), shared)

    record = Record(RunServiceStub(channel))
    registration = Registration(ModelServiceStub(models), storage)
    children = Children(RunServiceStub(channel), storage)
    submitting = Submitting(RunServiceStub(channel), storage)
    snapshots = Snapshots(storage)
    datasets = Datasets(stub, storage)
    requests = RequestServer(
        {
            "get_run": record.get_run,
            "register_model": registration.register_model,
            "create_children": children.create_children,
            "get_children": children.get_children,
            "get_child": children.get_child,
            "get_child_metrics": children.get_child_metrics,
            "cancel_child": children.cancel_child,
            "submit_child": submitting.submit_child,
            "list_snapshot": snapshots.list_snapshot,
            "read_snapshot": snapshots.read_snapshot,
            "select_sources": snapshots.select_sources,
            "keep_child_files": children.keep_child_files,
            "get_dataset": datasets.get_dataset,
            "list_datasets": datasets.list_datasets,
            "describe_dataset": datasets.describe_dataset,
            "register_dataset": DatasetRegistration(storage).register_dataset,
        }
    )

    def execution(lease: agents.Lease, folder: RunFolder) -> Execution:
        workspace = RunName.parse(lease.run.name).workspace
        reports = Reports(stub, lease.id)
        place = Place() if lease.run.kind == runs.RUN_KIND_REPLICA else Place(places)
        return Execution(lease, folder, reports, storage(workspace), runtimes.of(folder), requests, place)

    places = Places(settings.slots)
    folders = RunFolders(settings.folder_path / "runs", sleeps_along=settings.sleeps_along)
    clock = LeaseClock(monotonic if settings.sleeps_along else boottime)
    return Agent(stub, identity(settings, runtimes.offered), folders, runtimes, execution, clock)


def _launchers(settings: Settings, room: Room, stack: contextlib.AsyncExitStack) -> Launchers | None:
    if not settings.forks:
        return None
    launchers = Launchers(settings.folder_path / "launchers", room)
    stack.push_async_callback(launchers.close)
    return launchers


async def _containers(
    settings: Settings, engine: Engine, room: Room, stack: contextlib.AsyncExitStack
) -> DockerRuntime:
    contract = images_service_pb2.DESCRIPTOR.services_by_name["ImageService"]
    token = token_from(settings.token_path)
    channel = await stack.enter_async_context(connect(settings.images_address, token, services=[contract]))
    registry = Registry(settings.registry_username, settings.registry_secret())
    service = ImageServiceStub(channel)
    pulled = PulledImages(settings.folder_path / "images", engine, service, settings.keep_images)
    images = EngineImages(engine, registry, Restoring(service), pulled)
    kept = room if settings.containers_wait else None
    runtime = DockerRuntime(engine, images, settings.folder_path, settings.name, settings.replica_network, kept)
    stack.push_async_callback(runtime.close)
    return runtime
