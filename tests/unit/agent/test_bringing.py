"""Data comes to a machine once, and nothing that was damaged there reaches a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from orris.runs.v1 import runs_pb2 as runs
from orris_agent.blob_cache import BlobCache
from orris_agent.bringing import bring
from orris_agent.folder import RunFolder
from orris_agent.run_data import RunData
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
    return Storage(source.stub, "lab", BlobCache(tmp_path / "cache", 100_000_000))


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
