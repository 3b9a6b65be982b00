"""Whatever happens between two steps of a collection: what was promised is kept, or refused in time to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from orris.errors import Conflict, NotFound, OrrisError, Unavailable
from orris_artifacts import schema, writers
from orris_artifacts.amounts import Garbage
from orris_artifacts.core import Artifacts
from orris_artifacts.index import Index, Location
from orris_artifacts.manifest import Chunk, Entry, pages_of
from orris_artifacts.object_keys import blob_key, new_id
from orris_artifacts.store.folder import FolderStore
from orris_kit.database import open_database, write
from tests.servers.databases import NewDatabase, until_somebody_waits
from tests.unit.artifacts.conftest import Clock
from tests.unit.artifacts.planting import RUN, SHORTEST, collect, digest_of, plant, put, tree_of

# More than a collection has: the last ones act after its end.
MOST_STEPS = 12
OLD, OTHER = b"old", b"other"


def between(core: Artifacts, step: int, act: Callable[[], object]) -> object:
    """Collect with the shortest grace, and do something after so many steps; return what that returned."""
    collecting = core.garbage.collect("lab", SHORTEST)
    for _ in zip(range(step), collecting, strict=False):
        pass
    done = act()
    for _ in collecting:
        pass
    return done


def refusal(act: Callable[[], object]) -> str:
    """Do something; return the reason why it was refused, or nothing."""
    try:
        act()
    except OrrisError as error:
        return error.reason
    return ""


@pytest.mark.parametrize("step", range(MOST_STEPS))
def test_a_tree_of_old_blobs_is_whole_or_refused(core: Artifacts, clock: Clock, step: int) -> None:
    put(core, OLD, OTHER)
    clock.turn(hours=3)
    refused = between(core, step, lambda: refusal(lambda: tree_of(core, OLD, OTHER)))
    if refused:
        assert refused == "BLOBS_MISSING"
        plant(core, OLD, OTHER)
    assert core.blobs.read_many("lab", [digest_of(OLD), digest_of(OTHER)]) == [OLD, OTHER]


@pytest.mark.parametrize("step", range(MOST_STEPS))
def test_an_old_tree_that_is_created_again_is_whole(core: Artifacts, clock: Clock, step: int) -> None:
    plant(core, OLD, OTHER)
    clock.turn(hours=3)
    tree = between(core, step, lambda: plant(core, OLD, OTHER))
    assert core.trees.get("lab", str(tree).rpartition("/")[2]).file_count == 2
    assert core.blobs.read_many("lab", [digest_of(OLD), digest_of(OTHER)]) == [OLD, OTHER]


@pytest.mark.parametrize("step", range(MOST_STEPS))
def test_a_reference_to_an_old_tree_keeps_it_or_is_refused(core: Artifacts, clock: Clock, step: int) -> None:
    tree = plant(core, OLD)
    clock.turn(hours=3)
    refused = between(core, step, lambda: refusal(lambda: core.references.set("lab", RUN, [tree], [])))
    if refused:
        assert refused == "TARGET_MISSING"
        with pytest.raises(NotFound):
            core.trees.get("lab", tree.rpartition("/")[2])
    else:
        clock.turn(hours=3)
        assert collect(core, SHORTEST) == Garbage()
        assert b"".join(core.blobs.read("lab", digest_of(OLD))) == OLD


@pytest.mark.parametrize("step", range(MOST_STEPS))
def test_what_is_found_is_there_and_what_is_missing_can_be_sent(core: Artifacts, clock: Clock, step: int) -> None:
    (digest,) = put(core, OLD)
    clock.turn(hours=3)
    if between(core, step, lambda: core.blobs.missing("lab", [digest])):
        put(core, OLD)
    assert b"".join(core.blobs.read("lab", digest)) == OLD


@pytest.mark.parametrize("step", range(MOST_STEPS))
@pytest.mark.parametrize("age", [timedelta(minutes=59), timedelta(minutes=61), timedelta(hours=3)], ids=str)
def test_an_upload_is_completed_with_its_bytes_or_refused(
    core: Artifacts, index: Index, store: FolderStore, clock: Clock, step: int, age: timedelta
) -> None:
    digest = digest_of(OLD)
    location = Location(digest, len(OLD), blob_key("lab", digest, new_id(clock())), 0)
    store.put(location.object, OLD)
    put(core, OTHER)
    clock.now += age
    refused = between(core, step, lambda: refusal(lambda: index.add("lab", [location])))
    assert refused == ("" if age < timedelta(hours=1) else "UPLOAD_TOO_OLD")
    if not refused:
        assert b"".join(core.blobs.read("lab", digest)) == OLD


@pytest.mark.parametrize("step", range(MOST_STEPS))
def test_another_collection_that_takes_over_does_no_harm(
    core: Artifacts, store: FolderStore, clock: Clock, step: int
) -> None:
    """The first one stands still until its lease has run out, and goes on as if nothing had happened."""
    core.references.set("lab", RUN, [plant(core, OLD)], [])
    plant(core, OTHER)
    clock.turn(hours=3)

    def take_over() -> None:
        clock.turn(minutes=30)
        collect(core, SHORTEST)
        plant(core, OTHER)

    with suppress(Conflict):
        between(core, step, take_over)
    assert core.blobs.read_many("lab", [digest_of(OLD), digest_of(OTHER)]) == [OLD, OTHER]


def test_a_blob_that_is_held_when_it_is_to_be_dropped_stays(
    core: Artifacts, engine: sa.Engine, index: Index, clock: Clock
) -> None:
    core.references.set("lab", RUN, [plant(core, OTHER)], [])
    (digest,) = put(core, OLD)
    clock.turn(hours=3)
    with closing(core.garbage.collect("lab", SHORTEST)) as collecting, ThreadPoolExecutor(1) as beside:
        next(collecting)  # marked
        with write(engine) as connection:
            index.hold(connection, "lab", [digest])
            dropping = beside.submit(next, collecting)
            until_somebody_waits(connection)
        assert dropping.result() == Garbage()
    assert b"".join(core.blobs.read("lab", digest)) == OLD


@pytest.fixture
def on_postgres(new_postgres: NewDatabase, store: FolderStore, clock: Clock) -> Iterator[tuple[Artifacts, sa.Engine]]:
    """The rules over a database where transactions run side by side."""
    engine = open_database(new_postgres("orris_artifacts", schema.metadata), "orris_artifacts", schema.metadata)
    core = Artifacts(engine, store, clock)
    yield core, engine
    core.close()
    engine.dispose()


@pytest.mark.needs("postgres")
def test_a_tree_that_was_begun_before_a_collection_is_waited_for(
    on_postgres: tuple[Artifacts, sa.Engine], clock: Clock
) -> None:
    """However long it stood still between holding its blobs and being there."""
    core, engine = on_postgres
    (digest,) = put(core, OLD)
    with closing(core.garbage.collect("lab", SHORTEST)) as collecting:
        with write(engine) as connection:
            Index(engine, clock).hold(connection, "lab", [digest])
            clock.turn(days=3)
            assert [next(collecting) for _ in range(3)] == [Garbage()] * 3
            insert_tree(connection, clock())
        assert list(collecting)[-1] == Garbage()
    assert b"".join(core.blobs.read("lab", digest)) == OLD


@pytest.mark.needs("postgres")
def test_a_row_that_was_begun_before_objects_are_removed_is_waited_for(
    on_postgres: tuple[Artifacts, sa.Engine], store: FolderStore, clock: Clock
) -> None:
    """However long it stood still between being checked and being there."""
    core, engine = on_postgres
    digest = digest_of(OLD)
    location = Location(digest, len(OLD), blob_key("lab", digest, new_id(clock())), 0)
    store.put(location.object, OLD)
    put(core, OTHER)
    clock.turn(hours=3)
    with closing(core.garbage.collect("lab", SHORTEST)) as collecting:
        assert next(collecting).blobs == 1
        with write(engine) as connection:
            row = {"workspace": "lab", "use_time": clock(), "damaged": False, **location._asdict()}
            connection.execute(schema.blobs.insert(), [row])
            assert [next(collecting).objects for _ in range(3)] == [0, 0, 0]
        assert list(collecting)[-1].objects == 1
    assert b"".join(core.blobs.read("lab", digest)) == OLD


@pytest.mark.needs("postgres")
def test_a_writer_that_does_not_end_puts_the_collection_off(
    on_postgres: tuple[Artifacts, sa.Engine], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    core, engine = on_postgres
    put(core, OLD)
    clock.turn(hours=3)
    monkeypatch.setattr(writers, "PATIENCE_SECONDS", 0.0)
    with write(engine) as connection:
        Index(engine, clock).hold(connection, "lab", [digest_of(OLD)])
        with pytest.raises(Unavailable) as caught:
            collect(core, SHORTEST)
    assert caught.value.reason == "DATABASE_BUSY"
    assert b"".join(core.blobs.read("lab", digest_of(OLD))) == OLD


def insert_tree(connection: sa.Connection, now: datetime) -> None:
    """Do what is left to do of creating a tree of OLD when its blob is held."""
    chunk = Chunk(digest_of(OLD), len(OLD))
    (page,) = pages_of([Entry("f0", chunk.size, 0o644, chunk.digest, (chunk,))])
    times = {"create_time": now, "use_time": now}
    tree = {"workspace": "lab", "digest": "ab" * 32, "file_count": 1, "total_size": chunk.size, **times}
    connection.execute(schema.trees.insert(), [tree])
    of_page = {"workspace": "lab", "tree": "ab" * 32, "last_path": page.last_path, "content": page.content}
    connection.execute(schema.tree_pages.insert(), [of_page])
