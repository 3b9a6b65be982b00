"""How files are hashed and cut into pieces."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk.content import CHUNK_BYTES, BytesContent, Content, FileContent
from orris.sdk.hashing import Hasher
from orris.sdk.pieces import tree_digest
from tests.fakes.blob_service import sha256

SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 5]


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    with ThreadPoolExecutor(2) as pool:
        yield Hasher(pool)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_file_is_known_by_its_bytes_or_the_digests_of_its_chunks_of_16_mib(
    tmp_path: Path, hasher: Hasher, size: int, in_memory: bool
) -> None:
    data = os.urandom(1024) * (size // 1024) + b"x" * (size % 1024)
    (tmp_path / "f").write_bytes(data)
    content: Content = BytesContent(data) if in_memory else FileContent(tmp_path / "f")
    pieces = list(hasher.pieces({"f": content}))
    parts = [data[begin : begin + CHUNK_BYTES] for begin in range(0, size, CHUNK_BYTES)]
    digests = [hashlib.sha256(part) for part in parts]
    whole = hashlib.sha256(b"".join(digest.digest() for digest in digests) if len(parts) > 1 else data)
    entry = hasher.entries["f"]
    assert (entry.path, entry.size, entry.mode, entry.digest) == ("f", size, 0o644, whole.hexdigest())
    assert [(chunk.digest, chunk.size) for chunk in entry.chunks] == [
        (digest.hexdigest(), len(part)) for digest, part in zip(digests, parts, strict=True)
    ]
    assert [(piece.digest, piece.size) for piece in pieces] == [(chunk.digest, chunk.size) for chunk in entry.chunks]
    assert b"".join(b"".join(piece.stream()) for piece in pieces) == data
    assert all(piece.is_unchanged() for piece in pieces)


def test_many_small_files_beside_a_large_one_are_all_hashed(tmp_path: Path, hasher: Hasher) -> None:
    files = {f"{number:03}": os.urandom(number * 500) for number in range(300)}
    files["large"] = os.urandom(2 * CHUNK_BYTES + 1)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    pieces = list(hasher.pieces({name: FileContent(tmp_path / name) for name in files}))
    stored = {piece.digest: piece.read() for piece in pieces}
    assert {
        path: b"".join(stored[chunk.digest] or b"" for chunk in entry.chunks) for path, entry in hasher.entries.items()
    } == files
    assert not hasher.changed


def test_what_is_appended_while_a_large_file_is_read_does_not_count(
    tmp_path: Path, hasher: Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    data = os.urandom(CHUNK_BYTES + 10)
    path.write_bytes(data)
    _when_opened(monkeypatch, lambda: path.open("ab").write(b"more"))
    list(hasher.pieces({"log": FileContent(path)}))
    assert [chunk.digest for chunk in hasher.entries["log"].chunks] == [
        sha256(data[:CHUNK_BYTES]),
        sha256(data[CHUNK_BYTES:]),
    ]


def test_a_small_file_counts_as_it_is_when_it_is_opened(
    tmp_path: Path, hasher: Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def change() -> None:
        path.write_bytes(b"newer")
        path.chmod(0o600)

    _when_opened(monkeypatch, change)
    list(hasher.pieces({"f": FileContent(path)}))
    entry = hasher.entries["f"]
    assert (entry.size, entry.mode, entry.digest) == (5, 0o600, sha256(b"newer"))


@pytest.mark.parametrize("size", [5, CHUNK_BYTES + 5])
def test_a_large_file_that_is_replaced_or_cut_while_it_is_read_has_changed(
    tmp_path: Path, hasher: Hasher, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path, other = tmp_path / "f", tmp_path / "other"
    path.write_bytes(bytes(2 * CHUNK_BYTES))
    other.write_bytes(bytes(size))
    _when_opened(monkeypatch, lambda: other.replace(path))
    pieces = list(hasher.pieces({"f": FileContent(path)}))
    assert (hasher.changed, hasher.entries, pieces) == ({"f"}, {}, [])
    path.write_bytes(bytes(2 * CHUNK_BYTES))
    _when_opened(monkeypatch, lambda: os.truncate(path, CHUNK_BYTES + 5))
    list(hasher.hash({"f": FileContent(path)}))
    assert (hasher.changed, hasher.entries) == ({"f"}, {})
    list(hasher.hash({"f": FileContent(path)}))
    assert hasher.changed == set()
    assert hasher.entries["f"].size == CHUNK_BYTES + 5


def test_a_small_file_that_outgrows_a_chunk_has_changed(
    tmp_path: Path, hasher: Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    _when_opened(monkeypatch, lambda: os.truncate(path, CHUNK_BYTES + 1))
    list(hasher.pieces({"f": FileContent(path)}))
    assert hasher.changed == {"f"}


def test_a_piece_notices_that_its_bytes_are_others(tmp_path: Path, hasher: Hasher) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"before")
    (piece,) = hasher.pieces({"f": FileContent(path)})
    assert piece.read() == b"before"
    for data in (b"beforf", b"short", b""):
        path.write_bytes(data)
        assert piece.read() is None
        assert not piece.is_unchanged()


def test_a_trees_digest_is_that_of_its_manifest() -> None:
    chunks = [pb.Chunk(digest="1" * 64, size=1), pb.Chunk(digest="2" * 64, size=2)]
    entries = [
        pb.TreeEntry(path="ä", mode=0o644),
        pb.TreeEntry(path="a/b", size=3, mode=0o755, digest="3" * 64, chunks=chunks),
        pb.TreeEntry(path="a.b", size=1, mode=0o600, digest="1" * 64, chunks=chunks[:1]),
    ]
    lines = f"a.b|600|1|{'1' * 64}|{'1' * 64};a/b|755|3|{'3' * 64}|{'1' * 64},{'2' * 64};ä|644|0||;"
    manifest = lines.replace("|", "\0").replace(";", "\n")
    assert tree_digest(entries) == sha256(manifest.encode())


def _when_opened(monkeypatch: pytest.MonkeyPatch, event: Callable[[], object]) -> None:
    """Let something happen to files between being looked at and being opened, once."""
    real = os.open
    events = [event]

    def opening(*arguments: object, **options: object) -> int:
        if events:
            events.pop()()
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", opening)
