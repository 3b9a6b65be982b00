"""What a download writes, fetches and leaves alone."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris.errors import DataLoss, FailedPrecondition, NotFound, Unavailable
from orris.sdk import new_file
from orris.sdk.transfer import Transfer
from tests.fakes.blob_source import MESSAGE_BYTES, TREE, BlobSource, sha256

MIB = 1024 * 1024


@pytest.fixture
def source() -> BlobSource:
    return BlobSource()


@pytest.fixture
def transfer(source: BlobSource) -> Transfer:
    return Transfer(source.stub, "lab", sleep=lambda seconds: None)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def several_kinds(source: BlobSource) -> dict[str, bytes]:
    large, other = os.urandom(2 * MIB), os.urandom(MIB + 1)
    source.add("a/empty")
    source.add("a/small", b"small", mode=0o400)
    source.add("a/same", b"small", mode=0o755)
    source.add("b/large", large)
    source.add("b/chunks", large, b"x", other, large)
    return {
        "a/empty": b"",
        "a/small": b"small",
        "a/same": b"small",
        "b/large": large,
        "b/chunks": large + b"x" + other + large,
    }


@pytest.mark.parametrize("nameless", [True, False])
def test_files_come_with_their_bytes_and_modes(
    source: BlobSource, transfer: Transfer, tmp_path: Path, nameless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nameless:
        monkeypatch.setattr(new_file, "_NAMELESS", None)
    files = several_kinds(source)
    seen: list[tuple[int, int]] = []
    paths = transfer.download(TREE, tmp_path, progress=lambda *now: seen.append(now))
    assert content(tmp_path) == files
    assert sorted(paths) == sorted(tmp_path / name for name in files)
    modes = {path: (tmp_path / path).stat().st_mode & 0o7777 for path in ("a/small", "a/same", "b/large")}
    assert modes == {"a/small": 0o400, "a/same": 0o755, "b/large": 0o644}
    total = sum(map(len, files.values()))
    assert seen == sorted(seen)
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)


@pytest.mark.parametrize("error", [errno.EOPNOTSUPP, errno.ENOSPC])
def test_room_that_cannot_be_reserved_is_no_obstacle(
    source: BlobSource, transfer: Transfer, tmp_path: Path, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, offset: int, size: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    files = several_kinds(source)
    transfer.download(TREE, tmp_path)
    assert content(tmp_path) == files


def test_no_room_is_reserved_where_that_may_mean_to_write_to_each_block(
    source: BlobSource, transfer: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved: list[int] = []
    monkeypatch.setattr(os, "posix_fallocate", lambda descriptor, offset, size: reserved.append(size))
    monkeypatch.setattr(new_file, "_NAMELESS", None)
    several_kinds(source)
    transfer.download(TREE, tmp_path)
    assert reserved == []


def test_what_occurs_several_times_is_fetched_once(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    zeros = bytes(2 * MIB)
    source.add("sparse", *[zeros] * 20, b"end")
    source.add("twin", *[zeros] * 20, b"end")
    source.add("a", b"small")
    source.add("b", b"small")
    transfer.download(TREE, tmp_path)
    assert sorted(source.sent) == sorted(map(sha256, [zeros, b"end", b"small"]))
    assert content(tmp_path) == {
        "sparse": zeros * 20 + b"end",
        "twin": zeros * 20 + b"end",
        "a": b"small",
        "b": b"small",
    }


def test_files_that_are_there_do_not_travel_again(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    files = several_kinds(source)
    transfer.download(TREE, tmp_path)
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*")}
    (tmp_path / "a/small").chmod(0o644)
    source.sent.clear()
    seen: list[tuple[int, int]] = []
    transfer.download(TREE, tmp_path, progress=lambda *now: seen.append(now))
    assert source.sent == []
    assert {path: path.stat().st_ino for path in tmp_path.rglob("*")} == before
    assert (tmp_path / "a/small").stat().st_mode & 0o777 == 0o400
    assert seen == [(sum(map(len, files.values())),) * 2]


def test_a_download_that_broke_off_goes_on(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    files = several_kinds(source)
    missing = sha256(files["b/chunks"][2 * MIB + 1 : 3 * MIB + 2])
    kept = source.blobs.pop(missing)
    with pytest.raises(NotFound, match=missing):
        transfer.download(TREE, tmp_path)
    there = content(tmp_path)
    assert there.items() <= files.items()
    assert "b/chunks" not in there
    source.blobs[missing] = kept
    source.sent.clear()
    transfer.download(TREE, tmp_path)
    assert content(tmp_path) == files
    assert {sha256(data) for data in there.values()}.isdisjoint(set(source.sent) - {sha256(files["b/large"])})


@pytest.mark.parametrize("change", ["other bytes", "shorter", "longer", "link", "second name"])
def test_what_is_not_the_file_is_replaced(source: BlobSource, transfer: Transfer, tmp_path: Path, change: str) -> None:
    data = os.urandom(2 * MIB)
    source.add("f", data)
    into, outside = tmp_path / "into", tmp_path / "outside"
    into.mkdir()
    file = into / "f"
    match change:
        case "other bytes":
            file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "shorter":
            file.write_bytes(data[:-1])
        case "longer":
            file.write_bytes(data + b"x")
        case "link":
            outside.write_bytes(data)
            file.symlink_to(outside)
        case "second name":
            outside.write_bytes(data)
            file.hardlink_to(outside)
    transfer.download(TREE, into)
    assert file.read_bytes() == data
    assert not file.is_symlink()
    assert file.stat().st_nlink == 1


def test_a_stream_that_breaks_goes_on_where_it_was(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    data = os.urandom(10 * MESSAGE_BYTES + MIB)
    source.add("f", data)
    offsets: list[int] = []

    def breaking(digest: str, offset: int) -> Iterator[bytes]:
        offsets.append(offset)
        pieces = source.pieces(digest, offset)
        yield next(pieces)
        yield next(pieces)
        if len(offsets) < 4:
            raise Unavailable("restarting")
        yield from pieces

    source.stream = breaking
    transfer.download(TREE, tmp_path)
    assert content(tmp_path) == {"f": data}
    assert offsets == [number * 2 * MESSAGE_BYTES for number in range(4)]


def test_a_service_that_breaks_every_stream_is_given_up(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    source.add("f", os.urandom(2 * MIB))

    def breaking(digest: str, offset: int) -> Iterator[bytes]:
        yield b""
        raise Unavailable("restarting")

    source.stream = breaking
    with pytest.raises(Unavailable):
        transfer.download(TREE, tmp_path)
    assert source.calls["DownloadBlob"] == 6
    assert list(tmp_path.iterdir()) == []


def test_what_fails_in_the_middle_leaves_nothing(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    source.add("f", *[os.urandom(2 * MIB) for _ in range(5)])
    (tmp_path / "f").write_bytes(b"before")
    source.blobs[source.entries[0].chunks[3].digest] = bytes(2 * MIB)
    with pytest.raises(DataLoss, match=source.entries[0].chunks[3].digest):
        transfer.download(TREE, tmp_path)
    assert content(tmp_path) == {"f": b"before"}


def test_a_disk_that_is_full_is_said_to_be(source: BlobSource, transfer: Transfer, small_disk: Path) -> None:
    source.add("large", *[os.urandom(2 * MIB) for _ in range(5)])
    with pytest.raises(FailedPrecondition, match="no room") as caught:
        transfer.download(TREE, small_disk)
    assert caught.value.reason == "DISK_FULL"
    assert "large" in caught.value.message
    assert list(small_disk.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    source.add("f", b"x")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FailedPrecondition, match="file/into") as caught:
        transfer.download(TREE, tmp_path / "file" / "into")
    assert caught.value.reason == "CANNOT_WRITE"


def test_a_service_without_direct_reads_is_asked_once(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    chunks = [b"%d" % number for number in range(200)]
    source.add("f", *chunks)
    transfer.download(TREE, tmp_path)
    assert content(tmp_path) == {"f": b"".join(chunks)}
    assert source.calls["PrepareDownloads"] == 1


def test_an_older_service_sends_everything_itself(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    source.is_old = True
    source.add("f", *[b"%d" % number for number in range(200)])
    transfer.download(TREE, tmp_path)
    assert source.calls["PrepareDownloads"] == 1
    assert source.calls["DownloadBlob"] == 200


def test_small_files_need_no_question_about_direct_reads(
    source: BlobSource, transfer: Transfer, tmp_path: Path
) -> None:
    for number in range(1000):
        source.add(f"{number}", b"%d" % number)
    transfer.download(TREE, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1000
    assert source.calls == {"ListTreeEntries": 1, "BatchReadBlobs": 5}


def test_a_batch_holds_3_mib_at_most(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    files = {f"{number}": os.urandom(MIB) for number in range(10)}
    for path, data in files.items():
        source.add(path, data)
    transfer.download(TREE, tmp_path)
    assert content(tmp_path) == files
    assert source.calls["BatchReadBlobs"] == 4


def test_no_file_stays_open(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    """Neither after a success nor after a failure."""
    several_kinds(source)
    before = len(os.listdir("/proc/self/fd"))
    transfer.download(TREE, tmp_path)
    transfer.download(TREE, tmp_path)
    source.blobs.clear()
    with pytest.raises(NotFound):
        transfer.download(TREE, tmp_path / "other")
    assert len(os.listdir("/proc/self/fd")) == before
