"""How contents are hashed and cut into chunks."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from orris.errors import InvalidArgument, NotFound
from orris.sdk.content import CHUNK_BYTES, BytesContent, Content, FileContent, entry_of

SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 5]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("in_memory", [True, False])
def test_an_entry_has_the_digests_of_the_whole_and_of_chunks_of_16_mib(
    tmp_path: Path, size: int, in_memory: bool
) -> None:
    data = os.urandom(1024) * (size // 1024) + b"x" * (size % 1024)
    (tmp_path / "f").write_bytes(data)
    content: Content = BytesContent(data) if in_memory else FileContent(tmp_path / "f")
    entry = entry_of("f", content)
    assert entry.digest == hashlib.sha256(data).hexdigest()
    assert entry.size == size
    expected = [data[begin : begin + CHUNK_BYTES] for begin in range(0, size, CHUNK_BYTES)]
    assert [chunk.digest for chunk in entry.chunks] == [hashlib.sha256(part).hexdigest() for part in expected]
    assert [chunk.size for chunk in entry.chunks] == [len(part) for part in expected]


def test_only_permission_bits_of_the_mode_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"")
    path.chmod(0o4755)
    assert FileContent(path).mode == 0o755


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(InvalidArgument):
            FileContent(tmp_path / name)
    with pytest.raises(NotFound, match="absent"):
        FileContent(tmp_path / "absent")


def test_what_is_appended_while_a_file_is_read_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * (2 * 1024 * 1024))
    pieces = FileContent(path).pieces()
    next(pieces)
    with path.open("ab") as file:
        file.write(b"more")
    assert len(next(pieces)) == 1024 * 1024
    assert list(pieces) == []
