"""Data comes to a machine once, and nothing that was damaged there reaches a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orris.runs.v1 import runs_pb2 as runs
from orris_agent.blob_cache import BlobCache
from orris_agent.bringing import bring
from orris_agent.folder import RunFolder
from orris_agent.run_data import RunData
from orris_agent.shared_trees import SharedTrees
from orris_agent.storage import Storage
from tests.fakes.blob_source import TREE, BlobSource, sha256

LARGE = b"a" + bytes(2_000_000) + b"z"
RUN = runs.Run(
    inputs=[
        runs.RunInput(name="x", tree=TREE, mode=runs.RunInput.MODE_MOUNT),
        runs.RunInput(name="y", tree=TREE, mode=runs.RunInput.MODE_DOWNLOAD),
    ]
)


@pytest.fixture
def source() -> BlobSource:
    made = BlobSource()
    made.add("small.csv", b"1,2,3")
    made.add("large.bin", LARGE)
    return made


@pytest.fixture
def storage(source: BlobSource, tmp_path: Path) -> Storage:
    shared = SharedTrees(tmp_path / "data", tmp_path / "runs", 3_000_000)
    return Storage(source.stub, "lab", BlobCache(tmp_path / "cache", 100_000_000), shared=shared)


async def brought(storage: Storage, root: Path) -> list[Path]:
    """Bring the data of another run; return where it is."""
    folder = RunFolder(root)
    folder.control.mkdir()
    await bring(RUN, folder, storage)
    return [RunData(RUN, folder).place(each).source for each in RUN.inputs]


async def test_what_was_brought_for_one_run_does_not_travel_for_the_next(
    storage: Storage, source: BlobSource, tmp_path: Path
) -> None:
    await brought(storage, tmp_path / "1")
    assert sorted(source.sent) == sorted(map(sha256, [b"1,2,3", LARGE]))
    source.sent.clear()
    for place in await brought(storage, tmp_path / "2"):
        assert (place / "large.bin").read_bytes() == LARGE
    assert source.sent == []


async def test_what_a_run_does_to_its_data_reaches_no_other(storage: Storage, tmp_path: Path) -> None:
    for place in await brought(storage, tmp_path / "1"):
        for file in place.iterdir():
            file.chmod(0o600)
            file.write_bytes(b"changed")
    for place in await brought(storage, tmp_path / "2"):
        assert (place / "small.csv").read_bytes() == b"1,2,3"
        assert (place / "large.bin").read_bytes() == LARGE


async def test_what_was_damaged_on_the_machine_is_fetched_again(
    storage: Storage, source: BlobSource, tmp_path: Path
) -> None:
    await brought(storage, tmp_path / "1")
    source.sent.clear()
    for file in [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]:
        file.chmod(0o600)
        file.write_bytes(b"?" + file.read_bytes()[1:])
    for place in await brought(storage, tmp_path / "2"):
        assert (place / "small.csv").read_bytes() == b"1,2,3"
        assert (place / "large.bin").read_bytes() == LARGE
    assert sorted(source.sent) == sorted(map(sha256, [b"1,2,3", LARGE]))


async def mounted(storage: Storage, root: Path) -> Path:
    """Bring the data of another run in a container; return what it has mounted as `x`."""
    folder = RunFolder(root, contained=True)
    folder.work.mkdir(parents=True)
    await bring(RUN, folder, storage)
    (place,) = RunData(RUN, folder).bound()
    return place.source


async def test_containers_share_what_they_only_read(storage: Storage, source: BlobSource, tmp_path: Path) -> None:
    first, second = await mounted(storage, tmp_path / "runs" / "1"), await mounted(storage, tmp_path / "runs" / "2")
    assert first == second
    assert (first / "large.bin").read_bytes() == LARGE
    assert not (first / "large.bin").stat().st_mode & 0o222
    assert len(source.sent) == 2


async def test_what_was_damaged_or_added_there_reaches_no_container(storage: Storage, tmp_path: Path) -> None:
    place = await mounted(storage, tmp_path / "runs" / "1")
    (place / "large.bin").chmod(0o600)
    (place / "large.bin").write_bytes(b"?" + LARGE[1:])
    (place / "small.csv").unlink()
    (place / "more.csv").write_bytes(b"4")
    (place / "elsewhere").symlink_to("/etc")
    again = await mounted(storage, tmp_path / "runs" / "2")
    assert sorted(each.name for each in again.iterdir()) == ["large.bin", "small.csv"]
    assert (again / "large.bin").read_bytes() == LARGE
    assert (again / "small.csv").read_bytes() == b"1,2,3"


async def test_of_what_is_shared_the_oldest_goes_that_no_run_has(
    storage: Storage, source: BlobSource, tmp_path: Path
) -> None:
    runs_folder, data = tmp_path / "runs", tmp_path / "data"
    first = await mounted(storage, runs_folder / "1")
    for digit in "12":
        (data / (digit * 64)).mkdir()
        (data / (digit * 64) / "file").write_bytes(bytes(500_000))
        os.utime(data / (digit * 64), ns=(int(digit), int(digit)))
    in_use = runs_folder / "0" / "inputs" / "x"
    in_use.parent.mkdir(parents=True)
    in_use.symlink_to(data / ("1" * 64))
    shared = SharedTrees(data, runs_folder, 3_000_000)
    shared._make_room(300_000)
    assert sorted(each.name for each in data.iterdir()) == sorted(["1" * 64, first.name])
    RunFolder(runs_folder / "1", contained=True).remove()
    shared._make_room(2_500_000)
    assert [each.name for each in data.iterdir()] == ["1" * 64]


async def test_what_is_too_large_to_share_is_the_runs_own(storage: Storage, source: BlobSource, tmp_path: Path) -> None:
    source.add("larger.bin", LARGE[::-1])
    place = await mounted(storage, tmp_path / "runs" / "1")
    assert place == tmp_path / "runs" / "1" / "inputs" / "x"
    assert (place / "larger.bin").read_bytes() == LARGE[::-1]
