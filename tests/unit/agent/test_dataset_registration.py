"""Datasets that a program has its agent register."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from orris.artifacts.v1 import data_pb2
from orris.artifacts.v1 import data_service_pb2 as rpc
from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.dataset_registration import DatasetRegistration
from orris_agent.folder import RunFolder
from orris_agent.requests import RunRequest
from orris_agent.run_file import RunFile
from tests.unit.agent.test_datasets import IRIS, TREE, DatasetStorage

FOLDER = "0" * 32
CSV = {"format": "FORMAT_DELIMITED", "steps": [{"take": 3}], "partition": {"expression": "x", "columns": []}}


class Registry(DatasetStorage):
    """Remembers what is registered; the name of a tree says what is in it."""

    def __init__(self) -> None:
        super().__init__({"a.csv": "1", "b.csv": "2"})
        self.registered: list[rpc.CreateDatasetVersionRequest] = []

    async def upload(self, files: Mapping[str, RunFile]) -> str:
        return f"uploaded: {' '.join(files)}"

    async def part(self, tree: str, paths: Collection[str]) -> str:
        return f"part of {tree[-1]}: {' '.join(paths)}"

    async def register(self, request: rpc.CreateDatasetVersionRequest) -> data_pb2.DatasetVersion:
        self.registered.append(request)
        made = data_pb2.DatasetVersion()
        made.CopyFrom(request.dataset_version)
        made.name, made.id = f"{request.parent}/datasets/{request.dataset_id}/versions/1", "new-id"
        return made


@pytest.fixture
def storage() -> Registry:
    return Registry()


def asking(root: Path, request_id: str = "1", **parameters: Any) -> RunRequest:
    given = runs.RunInput(name="given", tree=TREE, partition_format="/{part}.csv")
    lease = agents.Lease(id="l", run=runs.Run(name="workspaces/lab/runs/r_1", inputs=[given]))
    return RunRequest(lease, RunFolder(root), request_id, {"register_as": "new", **parameters})


async def registered(storage: Any, request: RunRequest) -> dict[str, Any]:
    return await DatasetRegistration(lambda _: storage).register_dataset(request)


async def test_an_input_is_registered_as_it_was_given(tmp_path: Path, storage: Registry) -> None:
    told = await registered(storage, asking(tmp_path, input="given", tags={"n": 1}, description="d"))
    assert (told["dataset"], told["id"], told["table"]) == ("workspaces/lab/datasets/new/versions/1", "new-id", None)
    assert (told["tags"], told["description"], told["partition"]["columns"]) == ({"n": "1"}, "d", [("part", None)])
    (asked,) = storage.registered
    version = asked.dataset_version
    assert (asked.parent, version.tree, version.run) == ("workspaces/lab", TREE, "workspaces/lab/runs/r_1")
    assert asked.only_first


async def test_what_was_done_with_it_is_registered_too(tmp_path: Path, storage: Registry) -> None:
    await registered(storage, asking(tmp_path, input="given", table=CSV, create_new_version=True))
    await registered(storage, asking(tmp_path, dataset={"name": "iris", "version": 3}, paths=["b.csv"], table=None))
    table, part = (each.dataset_version for each in storage.registered)
    assert (table.table.steps[0].take, table.partition_format) == (3, "")
    assert (part.tree, part.HasField("table"), storage.asked) == ("part of a: b.csv", False, [IRIS.name])
    assert [each.only_first for each in storage.registered] == [False, True]


async def test_what_the_program_has_made_is_stored_first(tmp_path: Path, storage: Registry) -> None:
    place = tmp_path / "register" / FOLDER
    (place / "sub").mkdir(parents=True)
    (place / "sub" / "a.csv").write_text("1")
    await registered(storage, asking(tmp_path, folder=FOLDER))
    assert storage.registered[0].dataset_version.tree == "uploaded: sub/a.csv"
    (tmp_path / "secret").write_text("key")
    (place / "link").symlink_to(tmp_path.parent)
    (place / "back\\slash").write_text("")
    with pytest.raises(FailedPrecondition, match="back"):
        await registered(storage, asking(tmp_path, folder=FOLDER))


async def test_a_request_that_is_sent_again_is_the_same(tmp_path: Path, storage: Registry) -> None:
    for request_id in ("1", "1", "2"):
        await registered(storage, asking(tmp_path, request_id, input="given"))
    first, again, other = (each.request_id for each in storage.registered)
    assert first == again != other


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"input": "other"}, InvalidArgument),
        ({"folder": "../work"}, InvalidArgument),
        ({"folder": f"{FOLDER}/.."}, InvalidArgument),
        ({"input": "given", "table": {"format": "FORMAT_DELIMITED", "colour": "red"}}, InvalidArgument),
        ({"input": "given", "table": {"steps": [{"take": "many"}]}}, InvalidArgument),
        ({"dataset": {"name": "../../other/datasets/secret"}}, InvalidArgument),
        ({"dataset": {"name": "none"}}, NotFound),
    ],
)
async def test_what_cannot_be_registered_is_not(
    tmp_path: Path, storage: Registry, wrong: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await registered(storage, asking(tmp_path, **wrong))
    assert storage.registered == []
