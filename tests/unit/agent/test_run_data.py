"""Where the data of a run is, and what its program is told."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from orris.artifacts.v1.data_pb2 import Table
from orris.errors import FailedPrecondition
from orris.runs.v1 import runs_pb2 as runs
from orris_agent import control
from orris_agent.bringing import bring
from orris_agent.folder import RunFolder
from orris_agent.leaving import left_files
from orris_agent.run_data import RunData, read_as

DIRECT, DOWNLOAD, MOUNT = (
    runs.RunInput.MODE_DIRECT,
    runs.RunInput.MODE_DOWNLOAD,
    runs.RunInput.MODE_MOUNT,
)


class Storage:
    """Trees by their names, as files with contents; each is delivered once to a folder."""

    def __init__(self, **trees: dict[str, str]) -> None:
        self.trees = trees

    async def download(self, tree: str, folder: Path) -> None:
        await asyncio.to_thread(self._download, tree, folder)

    def _download(self, tree: str, folder: Path) -> None:
        if not folder.exists():
            for path, content in self.trees[tree].items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(content)

    async def share(self, tree: str, link: Path) -> bool:
        return False

    async def paths(self, tree: str) -> set[str]:
        return set(self.trees.get(tree, ()))


class SharedStorage(Storage):
    """As `Storage`, but containers share what they only read, in a folder."""

    def __init__(self, folder: Path, **trees: dict[str, str]) -> None:
        super().__init__(**trees)
        self.folder = folder

    async def share(self, tree: str, link: Path) -> bool:
        await self.download(tree, self.folder / tree)
        await asyncio.to_thread(link.symlink_to, self.folder / tree)
        return True


def brought(run: runs.Run, folder: RunFolder, **trees: dict[str, str]) -> RunData:
    """Bring a run's data; twice, as an agent that was restarted does."""
    storage: Any = Storage(**trees)
    folder.work.mkdir(parents=True)
    folder.control.mkdir(exist_ok=True)
    for _ in range(2):
        asyncio.run(bring(run, folder, storage))
    return RunData(run, folder)


FILES = {"a.csv": "1", "sub/b.csv": "2"}


def test_a_process_is_told_folders_and_single_files(tmp_path: Path) -> None:
    inputs = [
        runs.RunInput(name="many", tree="t", mode=MOUNT),
        runs.RunInput(name="one", tree="u", mode=DOWNLOAD),
        runs.RunInput(name="table", tree="u", mode=DIRECT, id="some-id"),
        runs.RunInput(name="top", tree="u", mode=MOUNT, as_folder=True),
    ]
    folder = RunFolder(tmp_path / "r")
    run = runs.Run(inputs=inputs, outputs_to=[runs.RunOutput(name="clean")])
    data = brought(run, folder, t=FILES, u={"deep/only.csv": "3"})
    many, one = data.argument("${{inputs.many}}"), data.argument("--one=${{ inputs.one }}")
    assert sorted(os.listdir(many)) == ["a.csv", "sub"]
    assert Path(one.removeprefix("--one=")).read_text() == "3"
    assert os.listdir(data.argument("${{inputs.top}}")) == ["deep"]
    assert data.argument("${{inputs.table}}") == "some-id"
    assert data.argument("${{inputs.other}} $x") == "${{inputs.other}} $x"
    assert Path(data.argument("${{outputs.clean}}")).is_dir()
    variables = data.variables(Path("/record"))
    assert variables["AZUREML_DATASET_ENVIRONMENT_VARS"] == "many:mount,one:download,table:direct,top:mount"
    assert (variables["many"], variables["AZUREML_DATAREFERENCE_many"], variables["ORRIS_DATA"]) == (
        many,
        many,
        "/record",
    )


def test_what_is_mounted_is_only_to_be_read_and_what_is_downloaded_can_be_changed(tmp_path: Path) -> None:
    inputs = [runs.RunInput(name="x", tree="t", mode=MOUNT), runs.RunInput(name="y", tree="t", mode=DOWNLOAD)]
    folder = RunFolder(tmp_path / "r")
    data = brought(runs.Run(inputs=inputs), folder, t=FILES)
    mounted, downloaded = (data.place(each).source for each in inputs)
    for path in (mounted, mounted / "sub", mounted / "a.csv", mounted / "sub" / "b.csv"):
        assert not path.stat().st_mode & 0o222
    for path in (downloaded, downloaded / "sub", downloaded / "a.csv"):
        assert path.stat().st_mode & 0o200
    folder.remove()
    assert not folder.root.exists()


def test_data_can_be_in_the_working_directory(tmp_path: Path) -> None:
    run = runs.Run(inputs=[runs.RunInput(name="x", tree="t", mode=MOUNT, path_on_compute="data/x")])
    folder = RunFolder(tmp_path / "r")
    data = brought(run, folder, t=FILES)
    assert data.argument("${{inputs.x}}") == str(folder.work / "data" / "x")
    assert (folder.work / "data/x/sub/b.csv").read_text() == "2"
    assert data.in_work() == ["data/x"]


@pytest.mark.parametrize("taken", ["data/x/old.csv", "data/x", "data"])
def test_data_is_not_mixed_with_the_snapshot(tmp_path: Path, taken: str) -> None:
    wanted = runs.RunInput(name="x", tree="t", mode=MOUNT, path_on_compute="data/x")
    run = runs.Run(snapshot="s", inputs=[wanted])
    with pytest.raises(FailedPrecondition, match="choose another folder"):
        brought(run, RunFolder(tmp_path / "r"), t=FILES, s={taken: ""})


@pytest.mark.parametrize("mode", [MOUNT, DOWNLOAD])
def test_a_process_gets_no_folder_of_the_machine_but_its_data_with_a_warning(
    tmp_path: Path, mode: runs.RunInput.Mode.ValueType
) -> None:
    elsewhere = tmp_path / "elsewhere"
    inputs = [
        runs.RunInput(name="x", tree="t", mode=mode, path_on_compute=str(elsewhere)),
        runs.RunInput(name="y", tree="t", mode=mode, path_on_compute="y"),
    ]
    folder = RunFolder(tmp_path / "r")
    data = brought(runs.Run(inputs=inputs), folder, t=FILES)
    told = data.argument("${{inputs.x}}")
    assert Path(told).is_relative_to(folder.root)
    assert (Path(told) / "sub/b.csv").read_text() == "2"
    assert not elsewhere.exists()
    (warning,) = data.displaced()
    assert warning.startswith(f"The input x is at {told}, ")
    assert f"not at {elsewhere}" in warning


def test_a_container_has_what_is_mounted_where_it_cannot_change_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "r", contained=True)
    inputs = [
        runs.RunInput(name="x", tree="t", mode=MOUNT),
        runs.RunInput(name="abs", tree="t", mode=MOUNT, path_on_compute="/data/abs"),
        runs.RunInput(name="rel", tree="t", mode=DIRECT, path_on_compute="rel"),
        runs.RunInput(name="own", tree="t", mode=DOWNLOAD),
        runs.RunInput(name="there", tree="t", mode=DOWNLOAD, path_on_compute="/data/there"),
        runs.RunInput(name="beside", tree="t", mode=DOWNLOAD, path_on_compute="beside"),
    ]
    data = brought(runs.Run(inputs=inputs, outputs_to=[runs.RunOutput(name="clean")]), folder, t=FILES)
    told = {each.name: data.argument(f"${{{{inputs.{each.name}}}}}") for each in inputs if each.name != "rel"}
    assert told == {
        "x": "/orris/inputs/x",
        "abs": "/data/abs",
        "own": "/orris/run/downloads/own",
        "there": "/data/there",
        "beside": "/orris/run/work/beside",
    }
    assert data.argument("${{outputs.clean}}") == "/orris/run/leave/clean"
    bound = {str(place.inside): (place.source, place.read_only) for place in data.bound()}
    assert bound == {
        "/orris/inputs/x": (folder.root / "inputs/x", True),
        "/data/abs": (folder.root / "inputs/abs", True),
        "/orris/run/work/rel": (folder.root / "inputs/rel", True),
        "/data/there": (folder.own / "downloads/there", False),
    }
    assert all(source.is_dir() for source, _ in bound.values())
    assert (folder.work / "rel").is_dir()


def test_a_containers_user_may_read_what_an_agent_keeps_to_itself(tmp_path: Path) -> None:
    folder, before = RunFolder(tmp_path / "r", contained=True), os.umask(0o077)
    try:
        data = brought(runs.Run(inputs=[runs.RunInput(name="x", tree="t", mode=MOUNT)]), folder, t=FILES)
    finally:
        os.umask(before)
    (bound,) = data.bound()
    for path in (bound.source, *bound.source.rglob("*")):
        assert path.stat().st_mode & 0o004, path


def test_the_library_inside_is_told_all(tmp_path: Path) -> None:
    table = Table(format=Table.FORMAT_DELIMITED, steps=[Table.Step(take=5)])
    wanted = runs.RunInput(name="x", tree="t", mode=DIRECT, id="i", dataset="d", table=table)
    folder = RunFolder(tmp_path / "r")
    data = brought(runs.Run(inputs=[wanted]), folder, t=FILES)
    (told,) = json.loads(control.write_data(folder.control, data.record()).read_text())["inputs"]
    assert told["table"] == {"format": "FORMAT_DELIMITED", "steps": [{"take": 5}]}
    assert (told["mode"], told["id"], told["dataset"]) == ("direct", "i", "d")
    assert told["folder"] == told["path"] == str(folder.root / "inputs" / "x")


def test_the_library_inside_is_told_what_paths_of_files_say() -> None:
    told = read_as(runs.RunInput(partition_format="/{day:yyyy}/*.csv"))
    assert told == {"table": None, "partition": {"expression": r"/(\d{4})/[^/]*\.csv\Z", "columns": [("day", "%Y")]}}
    table = Table(format=Table.FORMAT_PARQUET, partition_format="/{x}.parquet")
    told = read_as(runs.RunInput(table=table))
    assert (told["partition"], told["table"]["partition"]["columns"]) == (None, [("x", None)])


def test_of_what_a_run_leaves_nothing_from_elsewhere_is_kept(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "r")
    data = brought(runs.Run(outputs_to=[runs.RunOutput(name="clean")]), folder)
    there = Path(data.argument("${{outputs.clean}}"))
    (there / "good.csv").write_text("1")
    (there / "passwd").symlink_to("/etc/passwd")
    (there / "bad\\name").write_text("2")
    kept, refused = left_files(folder, runs.RunOutput(name="clean"))
    assert list(kept) == ["good.csv"]
    assert set(refused) == {"bad\\name"}
