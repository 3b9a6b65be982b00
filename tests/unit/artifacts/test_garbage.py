"""The rules of collecting garbage, one step at a time, on every database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orris.errors import Conflict, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orris_artifacts import schema
from orris_artifacts.amounts import Garbage
from orris_artifacts.core import Artifacts
from orris_artifacts.index import Index, Location
from orris_artifacts.object_keys import blob_key, new_id
from orris_artifacts.store.folder import FolderStore
from orris_kit.database import write
from tests.unit.artifacts.conftest import Clock
from tests.unit.artifacts.planting import DAY, RUN, SHORTEST, collect, digest_of, objects, plant, put, row_counts


def test_what_nobody_needs_goes_with_its_bytes(
    core: Artifacts, engine: sa.Engine, store: FolderStore, clock: Clock
) -> None:
    plant(core, b"one", b"two")
    put(core, b"loose")
    clock.turn(days=2)
    assert collect(core) == Garbage(trees=1, blobs=3, blob_bytes=11, objects=3, object_bytes=11)
    assert not any(row_counts(engine).values())
    assert objects(store) == []


def test_what_an_owner_refers_to_stays(core: Artifacts, engine: sa.Engine, clock: Clock) -> None:
    tree, (blob,) = plant(core, b"one", b"two"), put(core, b"three")
    core.references.set("lab", RUN, [tree], [f"workspaces/lab/blobs/{blob}"])
    clock.turn(days=400)
    assert collect(core) == Garbage()
    assert core.blobs.read_many("lab", [digest_of(b"one"), digest_of(b"two"), blob]) == [b"one", b"two", b"three"]


def test_what_its_last_owner_drops_goes(core: Artifacts, store: FolderStore, clock: Clock) -> None:
    tree = plant(core, b"one")
    for run in (RUN, RUN + "0"):
        core.references.set("lab", run, [tree], [])
    clock.turn(days=2)
    core.references.delete("lab", RUN)
    assert collect(core) == Garbage()
    core.references.delete("lab", RUN + "0")
    assert collect(core).trees == 1
    assert objects(store) == []


def test_a_blob_that_two_trees_share_stays_with_the_one_that_stays(core: Artifacts, clock: Clock) -> None:
    kept = plant(core, b"shared", b"kept")
    plant(core, b"shared", b"dropped")
    core.references.set("lab", RUN, [kept], [])
    clock.turn(days=2)
    assert collect(core) == Garbage(trees=1, blobs=1, blob_bytes=7, objects=1, object_bytes=7)
    assert b"".join(core.blobs.read("lab", digest_of(b"shared"))) == b"shared"


@pytest.mark.parametrize(
    "use",
    [
        lambda core: core.blobs.missing("lab", [digest_of(b"one")]),
        lambda core: core.blobs.put("lab", digest_of(b"one"), b"one"),
        lambda core: core.direct.prepare_uploads("lab", [(digest_of(b"one"), 3)]),
        lambda core: core.direct.prepare_downloads("lab", [digest_of(b"one")]),
    ],
    ids=["find missing", "put", "prepare upload", "prepare download"],
)
def test_what_somebody_was_told_is_there_stays(core: Artifacts, clock: Clock, use: Callable[[Artifacts], None]) -> None:
    put(core, b"one")
    clock.turn(days=2)
    use(core)
    clock.turn(hours=23)
    assert collect(core) == Garbage()
    clock.turn(hours=2)
    assert collect(core).blobs == 1


def test_a_tree_that_is_created_again_or_asked_for_stays(core: Artifacts, clock: Clock) -> None:
    name = plant(core, b"one")
    for use in (lambda: plant(core, b"one"), lambda: core.trees.get("lab", name.rpartition("/")[2])):
        clock.turn(hours=30)
        use()
        clock.turn(hours=23)
        assert collect(core) == Garbage()


def test_what_was_collected_is_missing_and_can_be_stored_again(core: Artifacts, clock: Clock) -> None:
    tree = plant(core, b"one")
    clock.turn(days=2)
    collect(core)
    (digest,) = core.blobs.missing("lab", [digest_of(b"one")])
    with pytest.raises(NotFound):
        core.blobs.read("lab", digest)
    with pytest.raises(FailedPrecondition) as caught:
        core.references.set("lab", RUN, [tree], [])
    assert caught.value.reason == "TARGET_MISSING"
    assert plant(core, b"one") == tree
    core.references.set("lab", RUN, [tree], [])


def test_a_dry_run_tells_the_same_and_changes_nothing(
    core: Artifacts, engine: sa.Engine, store: FolderStore, clock: Clock
) -> None:
    kept = plant(core, b"shared", b"kept")
    plant(core, b"shared", b"dropped")
    core.references.set("lab", RUN, [kept], [])
    put(core, b"loose")
    clock.turn(days=2)
    before = row_counts(engine), objects(store)
    told = collect(core, dry_run=True)
    assert (row_counts(engine), objects(store)) == before
    assert core.storage.storage("lab").collect_time is None
    done = collect(core)
    assert told == Garbage(trees=1, blobs=2, blob_bytes=12)
    assert (done.trees, done.blobs, done.blob_bytes) == (1, 2, 12)


def test_other_workspaces_are_left_alone(core: Artifacts, store: FolderStore, clock: Clock) -> None:
    core.blobs.put("lab2", digest_of(b"one"), b"one")
    clock.turn(days=2)
    collect(core)
    assert b"".join(core.blobs.read("lab2", digest_of(b"one"))) == b"one"


def test_objects_of_interrupted_uploads_go_when_nobody_can_finish_them(
    core: Artifacts, store: FolderStore, clock: Clock
) -> None:
    key = blob_key("lab", digest_of(b"x"), new_id(clock()))
    store.put(key, b"x")
    clock.turn(hours=2)
    assert collect(core, SHORTEST) == Garbage()
    clock.turn(seconds=2)
    assert collect(core, SHORTEST) == Garbage(objects=1, object_bytes=1)


def test_an_object_that_is_too_old_gets_no_row(core: Artifacts, index: Index, store: FolderStore, clock: Clock) -> None:
    digest = digest_of(b"x")
    key = blob_key("lab", digest, new_id(clock()))
    store.put(key, b"x")
    clock.turn(hours=1, seconds=1)
    with pytest.raises(Unavailable) as caught:
        index.add("lab", [Location(digest, 1, key, 0)])
    assert caught.value.reason == "UPLOAD_TOO_OLD"
    assert core.blobs.missing("lab", [digest]) == [digest]


@pytest.mark.parametrize("key", ["lab/notes.txt", "lab/ab/readme", "lab/packs/x", "orris-store"])
def test_objects_of_others_are_left_alone(core: Artifacts, store: FolderStore, clock: Clock, key: str) -> None:
    store.put(key, b"x")
    clock.turn(days=2)
    assert collect(core) == Garbage()
    assert store.read(key) == b"x"


def test_an_object_of_an_earlier_version_goes_with_its_blob(core: Artifacts, store: FolderStore, clock: Clock) -> None:
    digest = digest_of(b"old")
    store.put(f"lab/{digest[:2]}/{digest}", b"old")
    assert collect(core) == Garbage(objects=1, object_bytes=3)


def test_a_damaged_blob_that_is_needed_keeps_its_bytes(
    core: Artifacts, index: Index, store: FolderStore, clock: Clock
) -> None:
    tree = plant(core, b"one")
    core.references.set("lab", RUN, [tree], [])
    ((location, _),) = filter(None, [index.find("lab", digest_of(b"one"))])
    index.mark_damaged("lab", location)
    clock.turn(days=2)
    assert collect(core) == Garbage()
    assert objects(store) == [location.object]


def test_a_short_grace_is_refused(core: Artifacts) -> None:
    with pytest.raises(InvalidArgument) as caught:
        collect(core, SHORTEST - timedelta(seconds=1))
    assert caught.value.reason == "GRACE_TOO_SHORT"


def test_one_collects_at_a_time(core: Artifacts, engine: sa.Engine, clock: Clock) -> None:
    put(core, b"one")
    clock.turn(days=2)
    with closing(core.garbage.collect("lab", DAY)) as first:
        next(first)
        with pytest.raises(Conflict) as caught:
            collect(core)
        assert caught.value.reason == "COLLECTING_ALREADY"
        assert list(core.garbage.collect("lab2", DAY)) == []
    assert collect(core).objects == 1


def test_what_a_failing_store_left_goes_the_next_time(
    core: Artifacts, engine: sa.Engine, store: FolderStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(core, b"one", b"two")
    clock.turn(days=2)

    def fail(keys: object) -> None:
        raise Unavailable("the store does not answer", reason="STORE_UNREACHABLE")

    with monkeypatch.context() as patch:
        patch.setattr(store, "delete", fail)
        with pytest.raises(Unavailable):
            collect(core)
    assert not any(row_counts(engine).values())
    assert core.storage.storage("lab").collect_time is None
    assert collect(core) == Garbage(objects=2, object_bytes=6)
    assert core.storage.storage("lab").collect_time == clock()


def test_a_collection_may_end_after_any_step(
    core: Artifacts, engine: sa.Engine, store: FolderStore, clock: Clock
) -> None:
    """What is left is consistent, and the next one does the rest."""
    kept = plant(core, b"kept", b"shared")
    core.references.set("lab", RUN, [kept], [])
    for steps in range(8):
        plant(core, b"shared", b"dropped")
        put(core, b"loose")
        clock.turn(days=2)
        with closing(core.garbage.collect("lab", DAY)) as collecting:
            for _ in zip(range(steps), collecting, strict=False):
                pass
        assert core.blobs.read_many("lab", [digest_of(b"kept"), digest_of(b"shared")]) == [b"kept", b"shared"]
    collect(core)
    assert row_counts(engine) == {"blobs": 2, "trees": 1, "tree_pages": 1, "reference_targets": 1}
    assert len(objects(store)) == 2


def test_large_numbers_go_in_short_transactions(core: Artifacts, engine: sa.Engine, clock: Clock) -> None:
    deleted: list[int] = []

    @sa.event.listens_for(engine, "after_cursor_execute")
    def count(connection, cursor, statement, *rest):  # type: ignore[no-untyped-def]
        if statement.startswith("DELETE FROM blobs"):
            deleted.append(cursor.rowcount)

    old = clock()
    rows = [
        {"workspace": "lab", "digest": digest_of(b"%d" % n), "size": 1, "object": "o", "offset": 0}
        | {"use_time": old, "damaged": False}
        for n in range(2500)
    ]
    with write(engine) as connection:
        connection.execute(schema.blobs.insert(), rows)
    clock.turn(days=2)
    assert collect(core).blobs == 2500
    assert deleted == [1000, 1000, 500]
