"""The digest of what was written just now."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris.sdk import mapped_digest, present
from orris.sdk.mapped_digest import WINDOW_BYTES, digest_of_range

DATA = os.urandom(2 * WINDOW_BYTES + 12345)


@pytest.fixture(params=["named", "nameless"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.write(descriptor, DATA)
    if request.param == "nameless":
        os.unlink(tmp_path / "file")
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize(
    ("offset", "size"),
    [(0, len(DATA)), (0, 0), (0, 1), (1, WINDOW_BYTES), (4096, 4096), (len(DATA) - 1, 1), (12345, 2 * WINDOW_BYTES)],
)
def test_it_is_that_of_the_range(file: int, offset: int, size: int) -> None:
    assert digest_of_range(file, offset, size) == hashlib.sha256(DATA[offset : offset + size]).hexdigest()


def test_what_the_file_has_not_is_left_out(file: int) -> None:
    assert digest_of_range(file, 5, len(DATA)) == hashlib.sha256(DATA[5:]).hexdigest()


def test_a_file_that_others_may_shorten_is_not_looked_at_in_memory(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would kill this process."""
    read: list[int] = []

    def reading(descriptor: int, offset: int, size: int) -> str:
        read.append(descriptor)
        return ""

    monkeypatch.setattr(present, "digest_of_range", reading)
    mapped_digest.digest_of_range(file, 0, len(DATA))
    assert bool(read) == bool(os.fstat(file).st_nlink)
