"""Ranges of files: what travels for them, and what they hold."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.errors import DataLoss, InvalidArgument, NotFound, OutOfRange
from orris.sdk.transfer import Transfer
from tests.fakes.blob_source import TREE, BlobSource, sha256

CHUNKS = [b"0123", b"4567", b"89", os.urandom(1024 * 1024 + 1), b"end"]
CONTENT = b"".join(CHUNKS)


@pytest.fixture
def source() -> BlobSource:
    made = BlobSource()
    made.add("f", *CHUNKS)
    made.add("empty")
    return made


@pytest.fixture
def transfer(source: BlobSource) -> Transfer:
    return Transfer(source.stub, "lab", sleep=lambda seconds: None)


@pytest.mark.parametrize(
    ("offset", "length", "chunks"),
    [(0, 4, [0]), (3, 2, [0, 1]), (4, 0, []), (8, 3, [2, 3]), (len(CONTENT) - 3, None, [4]), (9, 9**15, [2, 3, 4])],
)
def test_only_the_chunks_that_a_range_touches_travel(
    source: BlobSource, transfer: Transfer, offset: int, length: int | None, chunks: list[int]
) -> None:
    end = None if length is None else offset + length
    assert transfer.read(TREE, "f", offset, length) == CONTENT[offset:end]
    assert sorted(source.sent) == sorted(sha256(CHUNKS[number]) for number in chunks)


@given(offset=st.integers(0, len(CONTENT)), length=st.none() | st.integers(0, 2 * len(CONTENT)))
def test_a_range_holds_what_the_file_holds_there(offset: int, length: int | None) -> None:
    source = BlobSource()
    source.add("f", *CHUNKS)
    end = None if length is None else offset + length
    assert Transfer(source.stub, "lab").read(TREE, "f", offset, length) == CONTENT[offset:end]


def test_the_end_of_a_file_is_empty_and_there_is_nothing_behind_it(transfer: Transfer) -> None:
    assert transfer.read(TREE, "f", len(CONTENT)) == b""
    assert transfer.read(TREE, "empty") == b""
    for path, offset in (("f", len(CONTENT) + 1), ("empty", 1)):
        with pytest.raises(OutOfRange) as caught:
            transfer.read(TREE, path, offset)
        assert caught.value.reason == "OFFSET_TOO_LARGE"


def test_numbers_of_bytes_are_not_negative(transfer: Transfer) -> None:
    with pytest.raises(InvalidArgument, match="offset"):
        transfer.read(TREE, "f", -1)
    with pytest.raises(InvalidArgument, match="length"):
        transfer.read(TREE, "f", 0, -1)


def test_a_folder_is_no_file(transfer: Transfer) -> None:
    with pytest.raises(NotFound) as caught:
        transfer.read(TREE, "folder")
    assert caught.value.reason == "FILE_NOT_FOUND"


@pytest.mark.parametrize("number", [0, 3])
def test_a_damaged_chunk_is_found_also_when_the_damage_is_outside_the_range(
    source: BlobSource, transfer: Transfer, number: int
) -> None:
    source.blobs[sha256(CHUNKS[number])] = CHUNKS[number][:-1] + b"?"
    with pytest.raises(DataLoss, match=sha256(CHUNKS[number])):
        transfer.read(TREE, "f", sum(map(len, CHUNKS[:number])), 1)
    assert transfer.read(TREE, "f", 4, 4) == CHUNKS[1]
