"""A server that means harm: whatever it says, nothing is written elsewhere, and nothing wrong is kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count, repeat
from pathlib import Path
from typing import Any

import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.errors import DataLoss
from orris.sdk.transfer import Transfer
from tests.fakes.blob_source import TREE, BlobSource, entry, sha256

MIB = 1024 * 1024
SMALL, LARGE = b"small", os.urandom(2 * MIB)


@pytest.fixture
def source() -> BlobSource:
    return BlobSource()


@pytest.fixture
def transfer(source: BlobSource) -> Transfer:
    return Transfer(source.stub, "lab", sleep=lambda seconds: None)


def refuse(transfer: Transfer, folder: Path, reason: str) -> DataLoss:
    """Download into a folder below `folder`; return the error, after which nothing is there."""
    with pytest.raises(DataLoss) as caught:
        transfer.download(TREE, folder / "into")
    assert caught.value.reason == reason
    assert [path for path in folder.rglob("*") if path != folder / "into"] == []
    return caught.value


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/x",
        "../x",
        "a/../../x",
        "..",
        ".",
        "a//b",
        "./a",
        "a/",
        "a\\..\\x",
        "a\0b",
        "a\nb",
        "x" * 256,
        "a/" * 3000,
    ],
)
def test_paths_that_leave_the_folder(source: BlobSource, transfer: Transfer, tmp_path: Path, path: str) -> None:
    source.add("good", SMALL)
    source.add(path, SMALL)
    refuse(transfer, tmp_path, "INVALID_PATH")


@pytest.mark.parametrize(
    "paths",
    [("README", "readme"), ("ß", "SS"), ("\u00e9", "e\u0301"), ("a", "a/b"), ("A", "a/b"), ("F/x", "f/X")],
)
def test_paths_that_are_one_on_some_file_system(
    source: BlobSource, transfer: Transfer, tmp_path: Path, paths: tuple[str, str]
) -> None:
    for number, path in enumerate(paths):
        source.add(path, b"%d" % number)
    refuse(transfer, tmp_path, "INVALID_PATH")


def lies() -> Iterator[tuple[str, pb.TreeEntry]]:
    yield "too large", pb.TreeEntry(path="f", size=6, digest=sha256(SMALL), chunks=entry("f", SMALL).chunks)
    yield "too small", pb.TreeEntry(path="f", size=4, digest=sha256(SMALL), chunks=entry("f", SMALL).chunks)
    yield "no chunks", pb.TreeEntry(path="f", size=5, digest=sha256(SMALL))
    yield "another digest", pb.TreeEntry(path="f", size=5, digest=sha256(b"other"), chunks=entry("f", SMALL).chunks)
    whole = pb.TreeEntry(path="f", size=10, digest=sha256(SMALL * 2), chunks=entry("f", SMALL, SMALL).chunks)
    yield "not the digest of several chunks", whole
    for size in (0, -1, 16 * MIB + 1, 1 << 62):
        chunk = pb.Chunk(digest=sha256(SMALL), size=size)
        yield f"a chunk of {size}", pb.TreeEntry(path="f", size=size, digest=chunk.digest, chunks=[chunk])
    for digest in ("", "../../x", sha256(SMALL).upper(), sha256(SMALL) + "\n"):
        chunk = pb.Chunk(digest=digest, size=5)
        yield f"a chunk called {digest!r}", pb.TreeEntry(path="f", size=5, digest=digest, chunks=[chunk])


@pytest.mark.parametrize("lie", [pytest.param(lie, id=name) for name, lie in lies()])
def test_descriptions_that_contradict_themselves(
    source: BlobSource, transfer: Transfer, tmp_path: Path, lie: pb.TreeEntry
) -> None:
    source.add("good", SMALL)
    source.entries.append(lie)
    refuse(transfer, tmp_path, "INVALID_ENTRY")
    with pytest.raises(DataLoss):
        transfer.read(TREE, "f")
    assert source.sent == []


@pytest.mark.parametrize("data", [SMALL, LARGE])
@pytest.mark.parametrize("change", ["other", "fewer", "more", "none"])
def test_bytes_that_are_not_those_of_the_digest(
    source: BlobSource, transfer: Transfer, tmp_path: Path, data: bytes, change: str
) -> None:
    source.add("f", data)
    wrong = {"other": b"?" + data[1:], "fewer": data[:-1], "more": data + b"?", "none": b""}[change]
    source.blobs[sha256(data)] = wrong
    error = refuse(transfer, tmp_path, "BLOB_DAMAGED")
    assert sha256(data) in error.message
    with pytest.raises(DataLoss):
        transfer.read(TREE, "f")


@pytest.mark.parametrize("data", [SMALL, LARGE])
@pytest.mark.parametrize("size", [-1, 1])
def test_a_size_that_is_not_that_of_the_right_bytes(
    source: BlobSource, transfer: Transfer, tmp_path: Path, data: bytes, size: int
) -> None:
    lie = source.add("f", data)
    lie.size += size
    lie.chunks[0].size += size
    refuse(transfer, tmp_path, "BLOB_DAMAGED")
    with pytest.raises(DataLoss):
        transfer.read(TREE, "f")


def test_a_batch_with_fewer_blobs_than_asked_for(
    source: BlobSource, transfer: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.add("a", b"1")
    source.add("b", b"2")
    monkeypatch.setattr(source, "BatchReadBlobs", lambda request, timeout: rpc.BatchReadBlobsResponse(data=[b"1"]))
    refuse(transfer, tmp_path, "BLOB_DAMAGED")


def test_a_stream_without_end_is_left(source: BlobSource, transfer: Transfer, tmp_path: Path) -> None:
    source.add("f", LARGE)
    sent = count()
    source.stream = lambda digest, offset: (LARGE[: 64 * 1024] for _ in sent)
    refuse(transfer, tmp_path, "BLOB_DAMAGED")
    assert next(sent) <= 2 * len(LARGE) // (64 * 1024)


@pytest.mark.parametrize("entries", [[], [entry("f", SMALL)] * 1000])
def test_a_list_without_end_is_left(
    transfer: Transfer, source: BlobSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entries: list[pb.TreeEntry]
) -> None:
    page = rpc.ListTreeEntriesResponse(entries=entries, next_page_token="more")
    pages: Any = repeat(page, 1100)
    monkeypatch.setattr(source, "ListTreeEntries", lambda request, timeout: next(pages))
    refuse(transfer, tmp_path, "INVALID_LIST")
