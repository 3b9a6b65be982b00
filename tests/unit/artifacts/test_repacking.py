"""What is left of packs of which most is gone is packed anew."""

from __future__ import annotations

import pytest

from orris_artifacts import repacking
from orris_artifacts.amounts import Garbage
from orris_artifacts.core import Artifacts
from orris_artifacts.index import Index
from orris_artifacts.store.folder import FolderStore
from tests.unit.artifacts.conftest import Clock
from tests.unit.artifacts.planting import RUN, SHORTEST, collect, digest_of, objects, put_together, tree_of

DEAD = [b"dead %d" % n * 10 for n in range(6)]


def half_dead(core: Artifacts, store: FolderStore, clock: Clock, *living: bytes) -> str:
    """Store a pack, of which `living` is needed; return its key. Time passes."""
    put_together(core, *living, *DEAD)
    core.references.set("lab", RUN, [tree_of(core, *living)], [])
    (key,) = {each.key for each in store.list("lab/packs/")}
    clock.turn(days=2)
    return key


def test_the_living_move_together_and_the_old_pack_goes_the_next_time(
    core: Artifacts, store: FolderStore, clock: Clock
) -> None:
    old = half_dead(core, store, clock, b"one", b"two")
    assert collect(core).blobs == len(DEAD)
    assert len(objects(store)) == 2
    assert core.blobs.read_many("lab", [digest_of(b"one"), digest_of(b"two")]) == [b"one", b"two"]
    assert collect(core) == Garbage(objects=1, object_bytes=sum(map(len, DEAD)) + 6)
    (new,) = objects(store)
    assert new != old
    assert store.read(new) == b"onetwo"
    assert core.blobs.read_many("lab", [digest_of(b"one"), digest_of(b"two")]) == [b"one", b"two"]


def test_packs_of_which_half_is_needed_stay(core: Artifacts, store: FolderStore, clock: Clock) -> None:
    old = half_dead(core, store, clock, bytes(sum(map(len, DEAD))))
    collect(core)
    assert objects(store) == [old]


def test_several_become_one(core: Artifacts, store: FolderStore, clock: Clock) -> None:
    for number in range(3):
        living = b"living %d" % number
        put_together(core, living, *(b"%d %s" % (number, each) for each in DEAD))
        core.references.set("lab", f"{RUN}-{number}", [tree_of(core, living)], [])
    clock.turn(days=2)
    collect(core)
    assert collect(core).objects == 3
    (new,) = objects(store)
    assert sorted(store.read(new).split(b"living ")) == [b"", b"0", b"1", b"2"]


def test_a_young_pack_is_left_alone(core: Artifacts, store: FolderStore, clock: Clock) -> None:
    """Some of its blobs may still be on their way into the index."""
    put_together(core, b"one", *DEAD)
    core.references.set("lab", RUN, [tree_of(core, b"one")], [])
    before = objects(store)
    clock.turn(minutes=30)
    assert collect(core, SHORTEST).blobs == len(DEAD)
    assert objects(store) == before


def test_a_damaged_blob_stays_where_it_is_and_does_not_hold_up_the_others(
    core: Artifacts, index: Index, store: FolderStore, clock: Clock
) -> None:
    old = half_dead(core, store, clock, b"bad", b"good")
    data = bytearray(store.read(old))
    data[data.index(b"bad")] ^= 1
    store.delete([old])
    store.put(old, bytes(data))
    for _ in range(3):
        collect(core)
    assert b"".join(core.blobs.read("lab", digest_of(b"good"))) == b"good"
    assert core.blobs.missing("lab", [digest_of(b"bad")]) == [digest_of(b"bad")]
    assert old in objects(store)
    moved = index.use("lab", [digest_of(b"good")])[digest_of(b"good")]
    assert moved.object != old


def test_not_more_is_copied_than_is_bearable(
    core: Artifacts, store: FolderStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repacking, "MOST_BYTES", 2)
    old = half_dead(core, store, clock, b"one", b"two")
    collect(core)
    assert objects(store) == [old]


def test_a_blob_that_moves_while_it_is_read_is_read(
    core: Artifacts, store: FolderStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that has looked up the old place finds nothing there, and looks again."""
    old = half_dead(core, store, clock, b"one", b"two")
    reading, asked = store.read, []

    def read_late(key: str, offset: int = 0, size: int | None = None) -> bytes:
        asked.append(key)
        if len(asked) == 1:
            monkeypatch.setattr(store, "read", reading)
            collect(core)
            collect(core)
            assert store.size(old) is None
        return reading(key, offset, size)

    monkeypatch.setattr(store, "read", read_late)
    assert b"".join(core.blobs.read("lab", digest_of(b"one"))) == b"one"
    assert asked == [old]


def test_a_blob_that_was_stored_elsewhere_meanwhile_is_not_moved(
    core: Artifacts, index: Index, store: FolderStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_dead(core, store, clock, b"one", b"two")
    putting = store.put

    def mend_first(key: str, data: bytes) -> None:
        monkeypatch.setattr(store, "put", putting)
        putting(key, data)
        location = index.use("lab", [digest_of(b"one")])[digest_of(b"one")]
        index.mark_damaged("lab", location)
        core.blobs.put("lab", digest_of(b"one"), b"one")

    monkeypatch.setattr(store, "put", mend_first)
    collect(core)
    place = index.use("lab", [digest_of(b"one")])[digest_of(b"one")]
    assert "/packs/" not in place.object
    assert core.blobs.read_many("lab", [digest_of(b"one"), digest_of(b"two")]) == [b"one", b"two"]
