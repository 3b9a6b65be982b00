"""What a program asks about datasets while it runs, and those that it gets without having been given them.

Their files are put where the agent tells the run things: a container cannot write there.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris import errors
from orris.names import DatasetName, DatasetVersionName, RunName, TreeName
from orris.runs.v1 import agents_service_pb2 as agents
from orris_agent.bringing import protect
from orris_agent.folder import INSIDE_CONTROL
from orris_agent.requests import RunRequest
from orris_agent.run_data import read_as
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking

if TYPE_CHECKING:
    from orris.artifacts.v1 import data_pb2
    from orris.runs.v1.agents_service_pb2_grpc import AgentServiceAsyncStub

DATASETS = "datasets"
LATEST = ("latest", "None", "")
LONGEST_ID = 100


class Datasets:
    """Answers `get_dataset`, `list_datasets` and `describe_dataset`."""

    def __init__(self, stub: AgentServiceAsyncStub, storage_of: Callable[[str], Storage]) -> None:
        self._stub = stub
        self._storage_of = storage_of
        # A run gets one at a time: others are to find a thread, too.
        self._turns: weakref.WeakValueDictionary[Path, asyncio.Lock] = weakref.WeakValueDictionary()

    async def get_dataset(self, request: RunRequest) -> dict[str, Any]:
        """Bring a version of a dataset of the run's workspace; return where it is, and how it is read.

        `name` and, unless the latest is meant, `version`; or `id`. The run is recorded as one that had it.
        """
        workspace = RunName.parse(request.lease.run.name).workspace
        turn = self._turns.setdefault(request.folder.root, asyncio.Lock())
        async with turn:
            storage = self._storage_of(workspace)
            found = await found_version(storage, workspace, request.parameters)
            record = agents.RecordRunDatasetRequest(lease_id=request.lease.id, dataset=found.name)
            await self._stub.RecordRunDataset(record)
            try:
                inside = await _brought(storage, found, request)
            except OSError as problem:
                message = f"the dataset cannot be put into the run's folder: {problem.strerror}"
                raise errors.FailedPrecondition(message, reason="CANNOT_WRITE") from problem
        return {**described(found), "folder": str(inside)}

    async def list_datasets(self, request: RunRequest) -> dict[str, Any]:
        """Return the latest version of each dataset of the run's workspace, and how it is read; none is brought."""
        found = await self._storage_of(RunName.parse(request.lease.run.name).workspace).datasets()
        return {"datasets": [described(each) for each in found]}

    async def describe_dataset(self, request: RunRequest) -> dict[str, Any]:
        """Return what a version is, by the parameters of `get_dataset`; it is not brought."""
        workspace = RunName.parse(request.lease.run.name).workspace
        return described(await found_version(self._storage_of(workspace), workspace, request.parameters))


def described(found: data_pb2.DatasetVersion) -> dict[str, Any]:
    """Return what a program is told of a version."""
    labels = {"description": found.description, "tags": dict(found.tags)}
    return {"dataset": found.name, "id": found.id, **labels, **read_as(found)}


async def found_version(storage: Storage, workspace: str, wanted: dict[str, Any]) -> data_pb2.DatasetVersion:
    """Return the version that is meant. Raises InvalidArgument, NotFound (DATASET_NOT_FOUND)."""
    if "id" in wanted:
        return await storage.dataset_of_id(str(wanted["id"])[:LONGEST_ID])
    name, version = str(wanted["name"]), str(wanted.get("version") or "")
    latest = version in LATEST
    return await storage.dataset(
        str(DatasetName(workspace, name) if latest else DatasetVersionName(workspace, name, version))
    )


async def _brought(storage: Storage, found: data_pb2.DatasetVersion, request: RunRequest) -> Path:
    """Put the files of a version into the run's folder, once; return where the program finds them."""
    folder, below = request.folder, Path(DATASETS) / TreeName.parse(found.tree).sha256
    place = folder.control / below
    await run_blocking(_make_readable, place.parent)
    await storage.download(found.tree, place)
    await run_blocking(protect, place)
    return (INSIDE_CONTROL if folder.contained else folder.control) / below


def _make_readable(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)  # a container is another user
