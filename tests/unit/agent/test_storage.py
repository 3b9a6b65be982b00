"""Snapshots come out of the cache, and what is not in it travels once."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from orris.errors import DataLoss, NotFound
from orris_agent.blob_cache import BlobCache
from orris_agent.storage import Storage
from tests.fakes.blob_source import TREE, BlobSource, sha256

MIB = 1024 * 1024

OTHER_TREE = TREE.replace("0", "1")


def random_bytes(size: int) -> bytes:
    """Return bytes of which the first is no "?" and the last no zero: then no damage below goes unseen."""
    return b"a" + os.urandom(size - 2) + b"z"


LARGE, CHUNKS = random_bytes(2 * MIB), [random_bytes(MIB + 7), random_bytes(2 * MIB), b"end"]
FILES = {"train.py": b"print()", "empty": b"", "data/large": LARGE, "data/chunks": b"".join([*CHUNKS, CHUNKS[0]])}
BLOBS = sorted(map(sha256, [b"print()", LARGE, *CHUNKS]))


@pytest.fixture
def source() -> BlobSource:
    made = BlobSource()
    made.add("train.py", b"print()", mode=0o755)
    made.add("empty")
    made.add("data/large", LARGE)
    made.add("data/chunks", *CHUNKS, CHUNKS[0])
    return made


@pytest.fixture
def cache(tmp_path: Path) -> BlobCache:
    return BlobCache(tmp_path / "cache", 100 * MIB)


@pytest.fixture
def storage(source: BlobSource, cache: BlobCache) -> Storage:
    return Storage(source.stub, "lab", cache)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kept(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "cache").rglob("*") if path.is_file()}


async def test_a_snapshot_appears_and_the_next_one_costs_nothing(
    storage: Storage, source: BlobSource, tmp_path: Path
) -> None:
    await storage.download(TREE, tmp_path / "1")
    assert content(tmp_path / "1") == FILES
    assert (tmp_path / "1/train.py").stat().st_mode & 0o777 == 0o755
    assert sorted(source.sent) == BLOBS
    source.calls.clear()
    await storage.download(TREE, tmp_path / "2")
    assert content(tmp_path / "2") == FILES
    assert not source.calls


async def test_only_what_is_new_travels(storage: Storage, source: BlobSource, tmp_path: Path) -> None:
    await storage.download(TREE, tmp_path / "1")
    source.sent.clear()
    source.add("new", b"new")
    source.add("larger", *CHUNKS, b"more")
    await storage.download(OTHER_TREE, tmp_path / "2")
    assert content(tmp_path / "2") == FILES | {"new": b"new", "larger": b"".join([*CHUNKS, b"more"])}
    assert sorted(source.sent) == sorted([sha256(b"new"), sha256(b"more")])


async def test_the_next_process_needs_nothing_either(storage: Storage, source: BlobSource, tmp_path: Path) -> None:
    await storage.download(TREE, tmp_path / "1")
    source.sent.clear()
    again = Storage(source.stub, "lab", BlobCache(tmp_path / "cache", 100 * MIB))
    await again.download(TREE, tmp_path / "2")
    assert content(tmp_path / "2") == FILES
    assert source.sent == []


def write_through_an_open_file(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"!!!")


def append(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"!!!")


WAYS = {
    "truncate": lambda file: os.truncate(file, 1),
    "empty": lambda file: file.write_bytes(b""),
    "append": append,
    "write": write_through_an_open_file,
    "grow": lambda file: os.truncate(file, 10 * MIB),
    "chmod": lambda file: file.chmod(0o777),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_run_that_writes_into_its_snapshot_changes_nothing_that_is_kept(
    storage: Storage, tmp_path: Path, way: object
) -> None:
    """Whoever runs it: root may do what permissions forbid."""
    assert callable(way)
    await storage.download(TREE, tmp_path / "1")
    before = {path: path.stat() for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    bytes_before = kept(tmp_path)
    for name in FILES:
        way(tmp_path / "1" / name)
    assert kept(tmp_path) == bytes_before
    for path, found in before.items():
        now = path.stat()
        assert (now.st_ino, now.st_mode, now.st_nlink, now.st_mtime_ns) == (
            found.st_ino,
            found.st_mode,
            1,
            found.st_mtime_ns,
        )
    await storage.download(TREE, tmp_path / "2")
    assert content(tmp_path / "2") == FILES


@pytest.mark.parametrize("damage", ["other", "fewer", "more", "none"])
async def test_what_is_damaged_in_the_cache_is_fetched_again(
    storage: Storage, source: BlobSource, tmp_path: Path, damage: str
) -> None:
    await storage.download(TREE, tmp_path / "1")
    for path in (tmp_path / "cache").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            path.unlink()
            path.write_bytes({"other": b"?" + data[1:], "fewer": data[:-1], "more": data + b"?", "none": b""}[damage])
    source.sent.clear()
    await storage.download(TREE, tmp_path / "2")
    assert content(tmp_path / "2") == FILES
    if damage != "more":  # then the right bytes are there, and more
        assert sorted(source.sent) == BLOBS
        assert sorted(kept(tmp_path)) == BLOBS
        assert sorted(sha256(data) for data in kept(tmp_path).values()) == BLOBS


async def test_two_downloads_at_once_fetch_a_blob_once(
    storage: Storage, source: BlobSource, cache: BlobCache, tmp_path: Path
) -> None:
    """The second waits for the first, also when it is for another run."""
    both_begun = threading.Barrier(2, timeout=60)
    real = source.ListTreeEntries

    def together(request: object, timeout: float) -> object:
        both_begun.wait()
        return real(request, timeout)  # type: ignore[arg-type]

    source.ListTreeEntries = together  # type: ignore[method-assign, assignment]
    other = Storage(source.stub, "lab", cache)
    await asyncio.gather(storage.download(TREE, tmp_path / "1"), other.download(TREE, tmp_path / "2"))
    assert content(tmp_path / "1") == content(tmp_path / "2") == FILES
    assert sorted(source.sent) == BLOBS


async def test_without_a_cache_nothing_is_kept(source: BlobSource, tmp_path: Path) -> None:
    storage = Storage(source.stub, "lab", BlobCache(tmp_path / "cache", 0))
    for name in ("1", "2"):
        await storage.download(TREE, tmp_path / name)
        assert content(tmp_path / name) == FILES
    assert kept(tmp_path) == {}
    assert sorted(source.sent) == sorted(BLOBS * 2)


async def test_a_snapshot_larger_than_the_cache_comes_all_the_same(source: BlobSource, tmp_path: Path) -> None:
    storage = Storage(source.stub, "lab", BlobCache(tmp_path / "cache", 2 * MIB))
    await storage.download(TREE, tmp_path / "1")
    assert content(tmp_path / "1") == FILES
    assert sum(map(len, kept(tmp_path).values())) <= 2 * MIB


async def test_a_cache_whose_disk_is_full_is_done_without(source: BlobSource, small_disk: Path, tmp_path: Path) -> None:
    source.add("rest", *[os.urandom(2 * MIB) for _ in range(3)])
    storage = Storage(source.stub, "lab", BlobCache(small_disk / "cache", 100 * MIB))
    await storage.download(TREE, tmp_path / "1")
    assert content(tmp_path / "1").items() >= FILES.items()


async def test_a_folder_that_is_there_is_left_alone(storage: Storage, source: BlobSource, tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "output").write_bytes(b"of the run")
    await storage.download(TREE, tmp_path / "1")
    assert content(tmp_path / "1") == {"output": b"of the run"}
    assert source.calls == {}


async def test_no_tree_gives_an_empty_folder(storage: Storage, tmp_path: Path) -> None:
    await storage.download("", tmp_path / "1")
    assert content(tmp_path) == {}
    assert (tmp_path / "1").is_dir()


async def test_a_download_that_fails_shows_nothing_and_goes_on_when_repeated(
    storage: Storage, source: BlobSource, tmp_path: Path
) -> None:
    missing = sha256(CHUNKS[2])
    data = source.blobs.pop(missing)
    with pytest.raises(NotFound):
        await storage.download(TREE, tmp_path / "1")
    assert not (tmp_path / "1").exists()
    source.blobs[missing] = data
    await storage.download(TREE, tmp_path / "1")
    assert content(tmp_path / "1") == FILES
    assert source.sent.count(sha256(LARGE)) <= 1
    assert sorted(os.listdir(tmp_path)) == ["1", "cache"]


async def test_what_another_process_left_unfinished_is_removed(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "1.0123.tmp").mkdir()
    (tmp_path / "1.0123.tmp" / "half").write_bytes(b"half")
    await storage.download(TREE, tmp_path / "1")
    assert content(tmp_path / "1") == FILES
    assert sorted(os.listdir(tmp_path)) == ["1", "cache"]


async def test_nothing_wrong_gets_into_the_cache(storage: Storage, source: BlobSource, tmp_path: Path) -> None:
    source.blobs = {digest: b"?" + data[1:] for digest, data in source.blobs.items()}
    with pytest.raises(DataLoss):
        await storage.download(TREE, tmp_path / "1")
    assert kept(tmp_path) == {}


async def test_digests_that_are_paths_reach_no_file(storage: Storage, source: BlobSource, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    for entry in source.entries:
        for chunk in entry.chunks:
            chunk.digest = "../secret"
        entry.digest = "../secret"
    with pytest.raises(DataLoss) as caught:
        await storage.download(TREE, tmp_path / "1")
    assert caught.value.reason == "INVALID_ENTRY"
