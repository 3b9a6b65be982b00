"""Files up and down through a real server, with the client's transfer."""

from __future__ import annotations

import asyncio
import filecmp
import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orris.sdk import sending, uploading
from orris.sdk.content import CHUNK_BYTES, FileContent
from orris.sdk.digest_cache import DigestCache
from orris.sdk.pieces import Piece
from orris.sdk.snapshot import snapshot
from orris.sdk.transfer import Transfer
from tests.integration.artifacts.conftest import Running

MIB = 1024 * 1024


def fill(folder: Path, files: dict[str, bytes]) -> dict[str, Path]:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return {name: folder / name for name in files}


def content(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def a_folder_of_every_kind() -> dict[str, bytes]:
    return {
        "train.py": b"print()",
        "empty": b"",
        "a/b/c/same": b"same",
        "a/same": b"same",
        "数据/naïve.csv": b"1,2",
        "mib": os.urandom(MIB),
        "two": os.urandom(2 * MIB + 1),
        "chunk": os.urandom(CHUNK_BYTES),
        "large": os.urandom(2 * CHUNK_BYTES + 7),
    }


async def test_what_goes_up_comes_down(running: Running, source: Path, tmp_path: Path) -> None:
    files = a_folder_of_every_kind()
    transfer = running.transfer()

    def story() -> None:
        local = fill(source, files)
        local["train.py"].chmod(0o750)
        seen: list[tuple[int, int]] = []
        tree = transfer.upload(local, lambda done, total: seen.append((done, total)))
        total = sum(map(len, files.values()))
        assert (tree.file_count, tree.total_size) == (len(files), total)
        assert seen == sorted(seen)
        assert seen[-1] == (total, total)
        seen.clear()
        paths = transfer.download(tree.name, tmp_path / "copy", progress=lambda *now: seen.append(now))
        assert content(tmp_path / "copy") == files
        assert sorted(paths) == sorted(tmp_path / "copy" / name for name in files)
        assert (tmp_path / "copy" / "train.py").stat().st_mode & 0o777 == 0o750
        assert seen == sorted(seen)
        assert seen[-1] == (total, total)

    await asyncio.to_thread(story)


async def test_the_same_files_travel_once(running: Running, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    real = sending.Sender.send

    def noting(self: sending.Sender, pieces: list[Piece]) -> None:
        sent.extend(piece.size for piece in pieces)
        real(self, pieces)

    monkeypatch.setattr(sending.Sender, "send", noting)
    transfer = running.transfer()

    def story() -> None:
        files = {"a": b"1" * MIB, "b": b"2" * 2 * MIB, "c": b"1" * MIB}
        first = transfer.upload(fill(source, files))
        assert sorted(sent) == [MIB, 2 * MIB]
        sent.clear()
        assert transfer.upload(fill(source, files)) == first
        assert sent == []
        transfer.upload(fill(source, {"a": b"3" * 3 * MIB}))
        assert sent == [3 * MIB]

    await asyncio.to_thread(story)


async def test_a_folder_that_is_submitted_again_is_not_read_again(
    running: Running, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer = running.transfer()
    files = a_folder_of_every_kind()
    fill(source, files)
    later = time.time() + 3600

    def submitted() -> pb.Tree:
        cache = DigestCache(tmp_path / "cache.json", lambda: later)
        return transfer.upload(snapshot(source), cache=cache)

    first = await asyncio.to_thread(submitted)
    with monkeypatch.context() as patch:
        patch.setattr(FileContent, "open", None)
        assert await asyncio.to_thread(submitted) == first
    (source / "two").write_bytes(b"changed")
    second = await asyncio.to_thread(submitted)
    await asyncio.to_thread(transfer.download, second.name, tmp_path / "copy")
    assert content(tmp_path / "copy") == {**files, "two": b"changed"}


async def test_a_part_of_a_tree_comes_by_itself(running: Running, tmp_path: Path) -> None:
    transfer = running.transfer()

    def story() -> None:
        tree = transfer.upload_bytes({"outputs/m/a": b"a", "outputs/m/b": b"b", "outputs/mm": b"c", "x": b"d"}).name
        transfer.download(tree, tmp_path / "1", "outputs/m")
        assert content(tmp_path / "1") == {"outputs/m/a": b"a", "outputs/m/b": b"b"}
        transfer.download(tree, tmp_path / "2", "outputs/m", strip="outputs")
        assert content(tmp_path / "2") == {"m/a": b"a", "m/b": b"b"}
        assert transfer.download(tree, tmp_path / "3", "x") == [tmp_path / "3" / "x"]
        assert transfer.read(tree, "outputs/mm") == b"c"
        with pytest.raises(InvalidArgument, match="x is not in"):
            transfer.download(tree, tmp_path / "4", strip="outputs")
        for absent in ("outputs", "y"):
            with pytest.raises(NotFound, match=absent) as caught:
                transfer.read(tree, absent)
            assert caught.value.reason == "FILE_NOT_FOUND"
        with pytest.raises(NotFound):
            transfer.download(tree, tmp_path / "5", "outputs/none")

    await asyncio.to_thread(story)


async def test_trees_are_composed_of_stored_files(running: Running) -> None:
    transfer = running.transfer()

    def story() -> None:
        entries = {
            entry.path: entry for entry in transfer.entries(transfer.upload_bytes({"a": b"1", "d/b": b"2"}).name)
        }
        tree = transfer.compose({"model/x": entries["a"], "y": entries["d/b"], "z": entries["a"]})
        assert {path: transfer.read(tree.name, path) for path in ("model/x", "y", "z")} == {
            "model/x": b"1",
            "y": b"2",
            "z": b"1",
        }
        assert entries["a"].path == "a"

    await asyncio.to_thread(story)


async def test_listing_goes_on_over_pages(running: Running) -> None:
    transfer = running.transfer()
    names = [f"d/{number:04d}" for number in range(2345)]

    def story() -> None:
        tree = transfer.upload_bytes(dict.fromkeys([*names, "e"], b"same"))
        assert [entry.path for entry in transfer.entries(tree.name, "d")] == names

    await asyncio.to_thread(story)


@pytest.mark.parametrize("size", [10, 2 * MIB])
async def test_a_damaged_blob_is_said_to_be_and_the_next_upload_mends_it(
    running: Running, tmp_path: Path, size: int
) -> None:
    transfer = running.transfer()
    data = os.urandom(size)
    digest = hashlib.sha256(data).hexdigest()

    def story() -> None:
        tree = transfer.upload_bytes({"f": data}).name
        running.blob(digest).write_bytes(b"?" + data[1:])
        for call in (lambda: transfer.read(tree, "f"), lambda: transfer.download(tree, tmp_path / "copy")):
            with pytest.raises(DataLoss, match=digest) as caught:
                call()
            assert caught.value.reason == "BLOB_DAMAGED"
        assert content(tmp_path / "copy") == {}
        assert transfer.upload_bytes({"f": data}).name == tree
        assert transfer.read(tree, "f") == data

    await asyncio.to_thread(story)


async def test_a_file_that_changes_once_is_read_again(
    running: Running, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfer = running.transfer()
    paths = fill(source, {"f": b"before", "g": b"quiet", "large": bytes(MIB)})
    changes = [b"after, longer", b""]
    monkeypatch.setattr(uploading.Uploader, "_missing", _changing(paths["f"], changes[:1]))
    tree = await asyncio.to_thread(transfer.upload, paths)
    assert await asyncio.to_thread(transfer.read, tree.name, "f") == b"after, longer"
    assert await asyncio.to_thread(transfer.read, tree.name, "g") == b"quiet"


@pytest.mark.parametrize("size", [MIB // 2, 2 * MIB])
async def test_a_file_that_never_rests_is_named(
    running: Running, source: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    transfer = running.transfer()
    paths = fill(source, {"busy": b"0" * size})
    monkeypatch.setattr(uploading.Uploader, "_missing", _changing(paths["busy"], [bytes([n]) * size for n in range(9)]))
    with pytest.raises(FailedPrecondition, match="busy") as caught:
        await asyncio.to_thread(transfer.upload, paths)
    assert caught.value.reason == "FILE_CHANGES"


def _changing(path: Path, contents: list[bytes]) -> Any:
    """Return `_missing`, after which the file has other bytes."""
    real = uploading.Uploader._missing

    def missing(self: uploading.Uploader, digests: Any) -> set[str]:
        found = real(self, digests)
        if contents:
            path.write_bytes(contents.pop(0))
        return found

    return missing


async def test_a_tree_cannot_be_made_of_paths_that_leave_it(running: Running) -> None:
    transfer = running.transfer()
    for path in ("../x", "/x", "a/../../x", "a\\b", "a\nb"):
        with pytest.raises(InvalidArgument) as caught:
            await asyncio.to_thread(transfer.upload_bytes, {path: b"x"})
        assert caught.value.reason == "INVALID_PATH"
    with pytest.raises(InvalidArgument, match="collides"):
        await asyncio.to_thread(transfer.upload_bytes, {"README": b"1", "readme": b"2"})


async def test_a_service_that_is_away_is_tried_again_until_it_is_given_up(running: Running, tmp_path: Path) -> None:
    import grpc

    from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub

    pauses: list[float] = []
    with grpc.insecure_channel(f"unix:{tmp_path}/nobody") as channel:
        transfer = Transfer(ArtifactServiceStub(channel), "lab", sleep=pauses.append)
        with pytest.raises(Unavailable):
            await asyncio.to_thread(transfer.upload_bytes, {"a": b"x"})
    assert len(pauses) == 5


async def test_a_range_of_a_file_comes_by_itself(running: Running) -> None:
    transfer = running.transfer()
    data = os.urandom(2 * CHUNK_BYTES + 7)

    def story() -> None:
        tree = transfer.upload_bytes({"f": data}).name
        begin = CHUNK_BYTES - 3
        assert transfer.read(tree, "f", begin, 10) == data[begin : begin + 10]
        assert transfer.read(tree, "f", 2 * CHUNK_BYTES) == data[-7:]
        assert transfer.read(tree, "f") == data

    await asyncio.to_thread(story)


async def test_a_download_that_broke_off_goes_on(running: Running, tmp_path: Path) -> None:
    transfer = running.transfer()
    files = a_folder_of_every_kind()

    def story() -> None:
        tree = transfer.upload_bytes(files).name
        transfer.download(tree, tmp_path / "copy")
        there = {name: (tmp_path / "copy" / name).stat().st_ino for name in files}
        (tmp_path / "copy" / "two").unlink()
        (tmp_path / "copy" / "large").write_bytes(files["large"][:-1])
        transfer.download(tree, tmp_path / "copy")
        assert content(tmp_path / "copy") == files
        same = {name for name in files if (tmp_path / "copy" / name).stat().st_ino == there[name]}
        assert same >= files.keys() - {"two", "large"}

    await asyncio.to_thread(story)


async def test_memory_does_not_grow_with_files(running: Running, tmp_path: Path) -> None:
    """Neither way: 192 MiB travel in a process that never takes 150 MB."""
    program = Path(__file__).with_name("scripts") / "there_and_back.py"
    (tmp_path / "f").write_bytes(os.urandom(12 * CHUNK_BYTES))
    done = await asyncio.create_subprocess_exec(
        sys.executable, program, str(running.port), tmp_path / "f", tmp_path / "copy", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await done.communicate()
    assert done.returncode == 0
    assert filecmp.cmp(tmp_path / "f", tmp_path / "copy" / "f", shallow=False)
    assert int(output) < 150_000_000, f"{int(output):,} bytes"
