"""Datasets that a program asks its agent for."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from orris.artifacts.v1.data_pb2 import DatasetVersion
from orris.errors import InvalidArgument, NotFound
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.datasets import Datasets
from orris_agent.folder import RunFolder
from orris_agent.requests import RunRequest
from tests.unit.agent.test_run_data import Storage

TREE = f"workspaces/lab/trees/{'a' * 64}"
IRIS = DatasetVersion(
    name="workspaces/lab/datasets/iris/versions/3", tree=TREE, id="some-id", description="flowers", tags={"k": "v"}
)


class DatasetStorage(Storage):
    """One tree, which the dataset `iris` of the workspace is."""

    def __init__(self, files: dict[str, str], found: DatasetVersion = IRIS) -> None:
        super().__init__(**{TREE: files})
        self.found = found
        self.asked: list[str] = []
        self.at_work = 0

    async def dataset(self, name: str) -> DatasetVersion:
        self.asked.append(name)
        if not self.found.name.startswith(name):
            raise NotFound(f"no {name}", reason="DATASET_NOT_FOUND")
        return self.found

    async def datasets(self) -> list[DatasetVersion]:
        return [self.found]

    async def dataset_of_id(self, wanted: str) -> DatasetVersion:
        self.asked.append(wanted)
        return self.found

    async def download(self, tree: str, folder: Path) -> None:
        self.at_work += 1
        assert self.at_work == 1
        await super().download(tree, folder)
        self.at_work -= 1


class Recorded(list[tuple[str, str]]):
    """What the service was told: leases, and what was read under them."""

    async def RecordRunDataset(self, request: agents.RecordRunDatasetRequest) -> Any:  # the contract's
        self.append((request.lease_id, request.dataset))


def asking(tmp_path: Path, contained: bool = False, **parameters: Any) -> RunRequest:
    folder = RunFolder(tmp_path / "r", contained)
    folder.control.mkdir(parents=True, exist_ok=True)
    lease = agents.Lease(id="l", run=runs.Run(name="workspaces/lab/runs/r_1"))
    return RunRequest(lease, folder, "1", parameters)


@pytest.mark.parametrize(
    ("parameters", "asked"),
    [
        ({"name": "iris"}, "workspaces/lab/datasets/iris"),
        ({"name": "iris", "version": "latest"}, "workspaces/lab/datasets/iris"),
        ({"name": "iris", "version": None}, "workspaces/lab/datasets/iris"),
        ({"name": "iris", "version": 3}, "workspaces/lab/datasets/iris/versions/3"),
        ({"id": "some-id"}, "some-id"),
    ],
)
async def test_a_version_is_found_by_name_or_id_and_the_run_is_known_to_have_it(
    tmp_path: Path, parameters: dict[str, Any], asked: str
) -> None:
    storage: Any = DatasetStorage({"a.csv": "1"})
    stub: Any = Recorded()
    told = await Datasets(stub, lambda _: storage).get_dataset(asking(tmp_path, **parameters))
    assert (told["dataset"], told["id"], told["table"], told["partition"]) == (IRIS.name, "some-id", None, None)
    assert (Path(told["folder"]) / "a.csv").read_text() == "1"
    assert (storage.asked, stub) == ([asked], [("l", IRIS.name)])


async def test_what_is_asked_for_at_once_is_brought_once(tmp_path: Path) -> None:
    storage: Any = DatasetStorage({"a.csv": "1"})
    datasets = Datasets(Recorded(), lambda _: storage)  # type: ignore[arg-type]
    found = await asyncio.gather(*(datasets.get_dataset(asking(tmp_path, name="iris")) for _ in range(3)))
    assert len({each["folder"] for each in found}) == 1


async def test_a_container_may_read_it_where_the_agent_keeps_all_to_itself(tmp_path: Path) -> None:
    storage: Any = DatasetStorage({"sub/a.csv": "1"})
    request, before = asking(tmp_path, contained=True, name="iris"), os.umask(0o077)
    try:
        told = await Datasets(Recorded(), lambda _: storage).get_dataset(request)  # type: ignore[arg-type]
    finally:
        os.umask(before)
    assert told["folder"] == f"/orris/control/datasets/{'a' * 64}"
    top = request.folder.control / "datasets"
    for path in (top, *top.rglob("*")):
        assert path.stat().st_mode & 0o044, path
    assert not (top / ("a" * 64)).stat().st_mode & 0o222


@pytest.mark.parametrize(
    "parameters",
    [
        {"name": "../../other/datasets/secret"},
        {"name": ""},
        {"name": "x" * 5000},
        {"name": "iris", "version": "1/../../../x"},
        {"name": "iris", "version": {"a": 1}},
        {"name": ["iris"]},
    ],
)
async def test_what_is_no_name_is_refused(tmp_path: Path, parameters: dict[str, Any]) -> None:
    storage: Any = DatasetStorage({})
    with pytest.raises(InvalidArgument):
        await Datasets(Recorded(), lambda _: storage).get_dataset(asking(tmp_path, **parameters))  # type: ignore[arg-type]
    assert storage.asked == []


async def test_of_what_is_not_there_nothing_is_recorded(tmp_path: Path) -> None:
    storage: Any = DatasetStorage({})
    stub: Any = Recorded()
    with pytest.raises(NotFound):
        await Datasets(stub, lambda _: storage).get_dataset(asking(tmp_path, name="other"))
    assert stub == []


async def test_what_is_only_asked_about_is_neither_brought_nor_read(tmp_path: Path) -> None:
    storage: Any = DatasetStorage({"a.csv": "1"})
    stub: Any = Recorded()
    datasets = Datasets(stub, lambda _: storage)
    said = {
        "dataset": IRIS.name,
        "id": "some-id",
        "description": "flowers",
        "tags": {"k": "v"},
        "table": None,
        "partition": None,
    }
    assert await datasets.list_datasets(asking(tmp_path)) == {"datasets": [said]}
    assert await datasets.describe_dataset(asking(tmp_path, name="iris", version=3)) == said
    assert (stub, list((tmp_path / "r" / "control").glob("*"))) == ([], [])
    with pytest.raises(NotFound):
        await datasets.describe_dataset(asking(tmp_path, name="other"))
