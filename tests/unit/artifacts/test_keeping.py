"""Small files that are kept from the moment they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from orris.digests import digest_of_file
from orris.errors import FailedPrecondition, InvalidArgument
from orris_artifacts import schema
from orris_artifacts.core import Artifacts
from orris_artifacts.manifest import Chunk, Entry
from orris_artifacts.trees import Tree
from orris_kit.database import read

RUN = "workspaces/lab/runs/r1"
FILES = {"outputs/model.joblib": b"model", "outputs/empty": b"", "logs/same": b"model"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry(path: str, data: bytes) -> Entry:
    chunks = tuple(Chunk(digest(each), len(each)) for each in [data] if each)
    return Entry(path, len(data), 0o644, digest_of_file([each.digest for each in chunks]), chunks)


def keep(
    core: Artifacts,
    files: Mapping[str, bytes] = FILES,
    owner: str = RUN,
    trees: tuple[str, ...] = (),
    *,
    blobs: bool = True,
) -> Tree:
    """Keep files; their bytes come along, or not."""
    contents = [data for data in files.values() if data and blobs]
    return core.keeping.keep("lab", ((entry(*each) for each in files.items()), contents), (owner, trees, []))


def needed(core: Artifacts) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    with read(core.references._engine) as connection:
        for row in connection.execute(sa.select(schema.references)):
            found.setdefault(row.owner, set()).add(row.digest)
    return found


def test_bytes_tree_and_reference_are_there_together(core: Artifacts) -> None:
    tree = keep(core)
    assert core.trees.get("lab", tree.digest) == tree
    assert (tree.file_count, tree.total_size) == (3, 10)
    assert core.blobs.read_many("lab", [digest(b"model")]) == [b"model"]
    assert needed(core) == {RUN: {tree.digest}}


def test_again_it_is_the_same(core: Artifacts) -> None:
    assert keep(core) == keep(core)
    assert keep(core, blobs=False) == keep(core)


def test_what_the_owner_needed_before_is_replaced_and_what_it_needs_besides_is_kept(core: Artifacts) -> None:
    first, second = keep(core, {"a": b"1"}), keep(core, {"b": b"2"})
    assert needed(core) == {RUN: {second.digest}}
    third = keep(core, {"c": b"3"}, trees=(f"workspaces/lab/trees/{first.digest}",))
    assert needed(core) == {RUN: {first.digest, third.digest}}


def test_where_something_is_missing_nothing_changes(core: Artifacts) -> None:
    before = keep(core, {"a": b"1"})
    absent = f"workspaces/lab/trees/{'0' * 64}"
    with pytest.raises(FailedPrecondition, match=absent) as refused:
        keep(core, trees=(absent,))
    assert refused.value.reason == "TARGET_MISSING"
    with pytest.raises(FailedPrecondition, match="1 chunks are not stored") as refused:
        keep(core, {"b": b"2"}, blobs=False)
    assert refused.value.reason == "BLOBS_MISSING"
    assert needed(core) == {RUN: {before.digest}}
    assert core.blobs.missing("lab", [digest(b"model")]) == [digest(b"model")]


def test_what_is_wrong_is_refused_as_for_every_tree(core: Artifacts) -> None:
    for files in ({"/etc/passwd": b"1"}, {"A": b"1", "a": b"2"}):
        with pytest.raises(InvalidArgument) as refused:
            keep(core, files)
        assert refused.value.reason == "INVALID_PATH"
    with pytest.raises(InvalidArgument, match="owner"):
        keep(core, owner="workspaces/other/runs/r")
    assert needed(core) == {}


def test_the_same_files_of_many_at_once_are_one_tree(core: Artifacts) -> None:
    owners = [f"{RUN}{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as threads:
        trees = list(threads.map(lambda owner: keep(core, owner=owner), owners))
    assert {tree.digest for tree in trees} == {trees[0].digest}
    assert needed(core) == {owner: {trees[0].digest} for owner in owners}
