"""How much a workspace keeps, and which workspaces there are."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from orris_artifacts.amounts import Storage
from orris_artifacts.core import Artifacts
from orris_artifacts.index import Index
from orris_artifacts.object_keys import blob_key, new_id
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.workspaces import workspaces_with_things
from tests.servers.databases import plan_of
from tests.unit.artifacts.conftest import Clock
from tests.unit.artifacts.planting import RUN, collect, digest_of, plant, put, put_together

HOUR = timedelta(hours=1)


def test_files_count_as_often_as_they_are_there_blobs_once(core: Artifacts, index: Index, clock: Clock) -> None:
    trees = [plant(core, b"shared", b"one"), plant(core, b"shared", b"three")]
    for number in range(2):
        core.references.set("lab", f"{RUN}-{number}", trees, [])
    (bad,) = put(core, b"damaged")
    index.mark_damaged("lab", index.use("lab", [bad])[bad])
    collect(core)
    assert core.storage.storage("lab") == Storage(
        workspace="lab",
        trees=2,
        files=4,
        file_bytes=20,
        blobs=3,
        blob_bytes=14,
        damaged_blobs=1,
        owners=2,
        collect_time=clock(),
    )


def test_nothing_is_kept_where_nothing_was_stored(core: Artifacts) -> None:
    nothing = dict.fromkeys(("trees", "files", "file_bytes", "blobs", "blob_bytes", "damaged_blobs", "owners"), 0)
    assert core.storage.storage("lab") == Storage("lab", **nothing, collect_time=None)


def test_workspaces_have_rows_or_objects(core: Artifacts, engine: sa.Engine, store: FolderStore, clock: Clock) -> None:
    store.put("orris-store", b"")
    store.put(".probe/x", b"")
    store.put(blob_key("interrupted", digest_of(b"x"), new_id(clock())), b"x")
    plant(core, b"one")
    for workspace in ("only-rows", "rows"):
        core.blobs.put(workspace, digest_of(b"x"), b"x")
    store.delete([each.key for each in store.list("only-rows/")])
    assert workspaces_with_things(engine, store) == ["interrupted", "lab", "only-rows", "rows"]


def test_what_was_collected_lately_is_not_due(core: Artifacts, clock: Clock) -> None:
    put(core, b"one")
    core.blobs.put("lab2", digest_of(b"x"), b"x")
    assert core.garbage.due(HOUR) == ["lab", "lab2"]
    collect(core)
    assert core.garbage.due(HOUR) == ["lab2"]
    clock.now += HOUR
    assert core.garbage.due(HOUR) == ["lab", "lab2"]


def test_a_collection_finds_its_rows_by_the_right_index(core: Artifacts, engine: sa.Engine, clock: Clock) -> None:
    """However many there are, it takes no longer than it takes to look at each once."""
    asked: list[sa.Select[tuple[object, ...]]] = []

    @sa.event.listens_for(engine, "before_execute")
    def note(connection: object, statement: object, *rest: object) -> None:
        if isinstance(statement, sa.Select) and statement.get_final_froms():
            asked.append(statement)

    core.references.set("lab", RUN, [plant(core, b"one", b"two")], [])
    plant(core, b"three")
    put_together(core, b"four", b"five", b"six")
    clock.turn(days=2)
    collect(core, dry_run=True)
    collect(core)
    sa.event.remove(engine, "before_execute", note)
    assert len(asked) > 15
    for statement in asked:
        plan = plan_of(engine, statement)
        assert "SCAN" not in plan, (str(statement), plan)
        assert "Seq Scan" not in plan, (str(statement), plan)
        if "reference_targets" in str(statement):
            assert "reference_targets_by_digest" in plan, (str(statement), plan)
