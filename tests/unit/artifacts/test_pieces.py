"""Blobs in pieces."""

from __future__ import annotations

import hashlib
import os

import pytest

from orris_artifacts.core import Artifacts
from orris_artifacts.pieces import PIECE_BYTES, cut


@pytest.mark.parametrize("sizes", [[10], [3, 4, 3], [1] * 10, [0, 9, 0, 1], []], ids=str)
def test_a_part_of_pieces_is_that_part_of_the_whole(sizes: list[int]) -> None:
    whole = b"0123456789"[: sum(sizes)]
    pieces = [whole[sum(sizes[:number]) :][:size] for number, size in enumerate(sizes)]
    for offset in range(12):
        for length in [None, *range(1, 13)]:
            end = None if length is None else offset + length
            found = [*cut(pieces, offset, length)]
            assert b"".join(found) == whole[offset:end]
            assert b"" not in found


def test_a_part_is_no_copy_where_pieces_are_whole() -> None:
    pieces = [b"abc", b"def"]
    assert [id(each) for each in cut(pieces, 0, 6)] == [id(each) for each in pieces]


def test_no_piece_of_a_blob_is_larger_than_a_message(core: Artifacts) -> None:
    data = os.urandom(2 * PIECE_BYTES + 5)
    digest = hashlib.sha256(data).hexdigest()
    core.blobs.put("lab", digest, data)
    for offset, length, sizes in [(0, 0, [PIECE_BYTES, PIECE_BYTES, 5]), (7, PIECE_BYTES + 1, [PIECE_BYTES, 1])]:
        assert [len(each) for each in core.blobs.read("lab", digest, offset, length)] == sizes
