"""The rules of references."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument
from orris_artifacts import schema
from orris_artifacts.core import Artifacts
from orris_artifacts.store.folder import FolderStore
from orris_kit.database import open_database, read, write
from tests.servers.databases import NewDatabase, until_somebody_waits
from tests.unit.artifacts.conftest import NOW

RUN = "workspaces/lab/runs/r1"
DIGEST = hashlib.sha256(b"a").hexdigest()
BLOB = f"workspaces/lab/blobs/{DIGEST}"


@pytest.fixture
def tree(core: Artifacts) -> str:
    core.blobs.put("lab", DIGEST, b"a")
    draft = core.trees.draft("lab")
    return f"workspaces/lab/trees/{core.trees.create(draft).digest}"


def targets(core: Artifacts) -> set[tuple[str, str]]:
    with read(core.references._engine) as connection:
        rows = connection.execute(sa.select(schema.references.c.owner, schema.references.c.kind))
        return {(row.owner, row.kind) for row in rows}


def test_what_an_owner_needs_is_replaced_and_dropped(core: Artifacts, tree: str) -> None:
    core.references.set("lab", RUN, [tree, tree], [BLOB])
    assert targets(core) == {(RUN, "tree"), (RUN, "blob")}
    core.references.set("lab", RUN, [], [BLOB])
    assert targets(core) == {(RUN, "blob")}
    for _ in range(2):
        core.references.delete("lab", RUN)
    assert targets(core) == set()


def test_dropping_leaves_other_owners_alone(core: Artifacts, tree: str) -> None:
    core.references.set("lab", RUN, [tree], [])
    core.references.set("lab", RUN + "0", [tree], [])
    core.references.delete("lab", RUN)
    assert targets(core) == {(RUN + "0", "tree")}


def test_what_several_owners_need_is_set_at_once_or_not_at_all(core: Artifacts, tree: str) -> None:
    core.references.set_all("lab", [(RUN, [tree], []), (RUN + "0", [], [BLOB])])
    assert targets(core) == {(RUN, "tree"), (RUN + "0", "blob")}
    absent = f"workspaces/lab/trees/{'0' * 64}"
    with pytest.raises(FailedPrecondition, match=absent):
        core.references.set_all("lab", [(RUN, [], []), (RUN + "1", [absent], [])])
    assert targets(core) == {(RUN, "tree"), (RUN + "0", "blob")}


def test_of_an_owner_that_is_there_twice_the_last_counts(core: Artifacts, tree: str) -> None:
    core.references.set_all("lab", [(RUN, [tree], []), (RUN, [], [BLOB])])
    assert targets(core) == {(RUN, "blob")}


def test_too_many_owners_at_once_are_refused(core: Artifacts) -> None:
    with pytest.raises(InvalidArgument, match="1001 references") as refused:
        core.references.set_all("lab", [(f"{RUN}{number}", [], []) for number in range(1001)])
    assert refused.value.reason == "TOO_MANY_TARGETS"


@pytest.mark.needs("postgres")
def test_what_an_owner_asks_for_is_done_in_this_order(new_postgres: NewDatabase, store: FolderStore) -> None:
    """Also where the second did not wait until the first was done: its caller had gone."""
    engine = open_database(new_postgres("orris_artifacts", schema.metadata), "orris_artifacts", schema.metadata)
    with closing(Artifacts(engine, store, lambda: NOW)) as core:
        name = f"workspaces/lab/trees/{core.trees.create(core.trees.draft('lab')).digest}"
        with ThreadPoolExecutor(2) as threads:
            with write(engine) as connection:
                connection.execute(sa.select(schema.trees).with_for_update())
                setting = threads.submit(core.references.set, "lab", RUN, [name], [])
                until_somebody_waits(connection)
                deleting = threads.submit(core.references.delete, "lab", RUN)
                until_somebody_waits(connection, 2, unless=deleting.done)
            setting.result()
            deleting.result()
        assert targets(core) == set()
    engine.dispose()


@pytest.mark.parametrize("kind", ["trees", "blobs"])
def test_a_target_that_is_not_stored_is_named_and_changes_nothing(core: Artifacts, tree: str, kind: str) -> None:
    core.references.set("lab", RUN, [tree], [])
    absent = f"workspaces/lab/{kind}/{'0' * 64}"
    wanted = {"trees": [tree], "blobs": [BLOB], kind: [absent]}
    with pytest.raises(FailedPrecondition, match=absent) as caught:
        core.references.set("lab", RUN, wanted["trees"], wanted["blobs"])
    assert caught.value.reason == "TARGET_MISSING"
    assert targets(core) == {(RUN, "tree")}


@pytest.mark.parametrize(
    "owner",
    ["", "lab", "workspaces/lab", "workspaces/lab/", "workspaces/other/runs/r", "workspaces/lab/a\nb", "x" * 2000],
)
def test_an_owner_is_something_in_the_workspace(core: Artifacts, owner: str) -> None:
    with pytest.raises(InvalidArgument):
        core.references.set("lab", owner, [], [])
    with pytest.raises(InvalidArgument):
        core.references.delete("lab", owner)


@pytest.mark.parametrize(
    "target", ["", DIGEST, f"workspaces/other/trees/{DIGEST}", "workspaces/lab/trees/../x", f"{BLOB}x"]
)
def test_a_target_is_a_tree_or_blob_of_the_workspace(core: Artifacts, target: str) -> None:
    for trees, blobs in (([target], []), ([], [target])):
        with pytest.raises(InvalidArgument):
            core.references.set("lab", RUN, trees, blobs)
