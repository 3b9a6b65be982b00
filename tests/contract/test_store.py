"""What every store must do, whatever it keeps its objects in."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orris_artifacts.object_keys import blob_key, new_id, pack_key
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.store.port import Bytes, ObjectLost, Store, StoredObject

MIB = 1024 * 1024
DATA = b"0123456789"
DIGEST = "ab" * 32
S3 = ("minio", "seaweedfs")


def new_key(workspace: str = "lab") -> str:
    return blob_key(workspace, DIGEST, new_id(datetime.now(UTC)))


def open_files() -> set[str]:
    """Return the regular files that are open here."""
    links = (f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd"))
    return {f"{link} {os.readlink(link)}" for link in links if os.path.lexists(link) and os.path.isfile(link)}


def keys_in(store: Store, prefix: str = "") -> list[str]:
    return sorted(each.key for each in store.list(prefix))


@pytest.fixture(params=["folder", *(pytest.param(name, marks=pytest.mark.needs(name)) for name in S3)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Opens a store of each kind, the same one each time."""
    if request.param == "folder":
        return lambda: FolderStore(tmp_path / "store")
    from tests.servers.buckets import open_bucket, options_of

    options = options_of(request.getfixturevalue(request.param))
    return lambda: open_bucket(options)


@pytest.fixture
def store(opened: Callable[[], Store]) -> Iterator[Store]:
    made = opened()
    yield made
    made.close()


def leave_half_finished(store: Store, age: timedelta) -> Callable[[], bool]:
    """Leave what a process leaves that was killed so long ago; return what tells whether it is still there."""
    made = datetime.now(UTC) - age
    if isinstance(store, FolderStore):
        path = Path(store.place.removeprefix("the folder ")) / ".incoming" / new_id(made)
        path.write_bytes(DATA)
        os.utime(path, (made.timestamp(), made.timestamp()))
        return path.exists
    key = f".probe/{new_id(made)}"
    store.put(key, DATA)
    return lambda: store.size(key) is not None


@pytest.mark.parametrize("data", [DATA, b"", bytearray(DATA), memoryview(DATA)[2:5]], ids=str)
def test_what_is_put_is_read(store: Store, data: Bytes) -> None:
    key = new_key()
    store.put(key, data)
    assert store.read(key) == bytes(data)
    assert store.size(key) == len(data)


def test_the_largest_object_fits(store: Store) -> None:
    key, data = new_key(), os.urandom(16 * MIB)
    store.put(key, data)
    assert store.size(key) == len(data)
    assert store.read(key) == data
    assert store.read(key, 16 * MIB - 5, 5) == data[-5:]


@pytest.mark.parametrize(("offset", "size"), [(0, 1), (0, 10), (3, 4), (9, 1), (5, 5)])
def test_a_range_is_read(store: Store, offset: int, size: int) -> None:
    key = new_key()
    store.put(key, DATA)
    assert store.read(key, offset, size) == DATA[offset : offset + size]


def test_what_follows_is_read(store: Store) -> None:
    key = new_key()
    store.put(key, DATA)
    assert store.read(key, 4) == DATA[4:]


@pytest.mark.parametrize(("offset", "size"), [(0, 3 * MIB + 7), (0, 5), (1, 2 * MIB), (MIB - 1, 2 * MIB + 8)])
def test_content_is_read_piece_by_piece_as_often_as_wanted(store: Store, offset: int, size: int) -> None:
    """Also while its object is being removed."""
    key, data = new_key(), os.urandom(3 * MIB + 7)
    store.put(key, data)
    part = data[offset : offset + size]
    with closing(store.open(key, offset, size)) as content:
        store.delete([key])
        assert (content.size, content.digest) == (size, hashlib.sha256(part).hexdigest())
        for begin, length in [(0, None), (0, None), (3, None), (2, 1), (size, None), (size - 1, 9), (1, 2 * MIB)]:
            pieces = list(content.pieces(begin, length))
            assert b"".join(pieces) == part[begin : None if length is None else begin + length]
            assert all(0 < len(piece) <= MIB for piece in pieces)


def test_nothing_stays_open_of_content_or_of_a_writer(store: Store) -> None:
    key, data = new_key(), os.urandom(2 * MIB)
    store.put(key, data)
    before = open_files()
    with closing(store.open(key, 0, len(data))) as content:
        assert len(open_files() - before) == 1
        assert next(content.pieces()) == data[:MIB]
    with pytest.raises(ZeroDivisionError), store.writer(new_key()) as writer:
        writer.write(data)
        assert len(open_files() - before) == 1
        raise ZeroDivisionError
    with pytest.raises(ObjectLost), closing(store.open(key, 1, len(data))) as content:
        assert content.digest
    assert open_files() == before


@pytest.mark.parametrize(("offset", "size"), [(0, 2 * MIB), (MIB, MIB + 1), (2 * MIB, 1)])
def test_content_that_is_not_all_there_is_lost(store: Store, offset: int, size: int) -> None:
    key = new_key()
    store.put(key, bytes(2 * MIB - 1))
    for wanted in (key, new_key()):
        with pytest.raises(ObjectLost), closing(store.open(wanted, offset, size)) as content:
            assert content.digest


@pytest.mark.parametrize(("offset", "size"), [(0, 11), (9, 2), (10, 1), (500, 5)])
def test_a_range_that_is_not_all_there_is_lost(store: Store, offset: int, size: int) -> None:
    key = new_key()
    store.put(key, DATA)
    with pytest.raises(ObjectLost):
        store.read(key, offset, size)


@pytest.mark.parametrize(("offset", "size"), [(0, None), (0, 5), (7, 0)])
def test_what_was_never_put_is_lost(store: Store, offset: int, size: int | None) -> None:
    key = new_key()
    with pytest.raises(ObjectLost):
        store.read(key, offset, size)
    assert store.size(key) is None


@pytest.mark.parametrize("offset", [0, 4, 10])
def test_an_empty_range_is_empty(store: Store, offset: int) -> None:
    key = new_key()
    store.put(key, DATA)
    assert store.read(key, offset, 0) == b""


def test_what_was_acknowledged_is_there_after_a_restart(opened: Callable[[], Store]) -> None:
    key, first = new_key(), opened()
    first.put(key, DATA)
    first.close()
    again = opened()
    assert again.read(key) == DATA
    again.close()


def test_putting_the_same_again_changes_nothing(store: Store) -> None:
    key = new_key()
    for _ in range(2):
        store.put(key, DATA)
    assert store.read(key) == DATA
    assert list(store.list("")) == [StoredObject(key, len(DATA))]


def test_pieces_become_one_object_when_all_are_there(store: Store) -> None:
    key = new_key()
    with store.writer(key) as writer:
        for piece in (b"01", bytearray(b"234"), memoryview(b"56789")):
            writer.write(piece)
            assert store.size(key) is None
        assert keys_in(store) == []
        writer.commit()
    assert store.read(key) == DATA


@pytest.mark.parametrize("said", [True, False])
def test_large_pieces_become_one_object(store: Store, said: bool) -> None:
    """Whether or not it is said what their SHA-256 is."""
    key, data = new_key(), os.urandom(5 * MIB + 3)
    with store.writer(key) as writer:
        for begin in range(0, len(data), MIB):
            writer.write(memoryview(data)[begin : begin + MIB])
        writer.commit(hashlib.sha256(data).hexdigest() if said else None)
    assert store.read(key) == data


def test_an_object_without_pieces_is_empty(store: Store) -> None:
    key = new_key()
    with store.writer(key) as writer:
        writer.commit()
    assert store.read(key) == b""


def test_a_writer_that_is_left_leaves_nothing(store: Store) -> None:
    key = new_key()
    with store.writer(key) as writer:
        writer.write(DATA)
    with pytest.raises(ZeroDivisionError), store.writer(key) as writer:
        writer.write(DATA)
        raise ZeroDivisionError
    assert store.size(key) is None
    assert keys_in(store) == []


def test_an_object_appears_at_once(store: Store) -> None:
    """Whoever looks while it is written sees nothing, or all of it."""
    key, data = new_key(), os.urandom(8 * MIB)
    done = threading.Event()

    def look() -> set[int | None]:
        seen = {store.size(key)}
        while not done.is_set():
            seen.add(store.size(key))
        return seen

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            store.put(key, data)
        finally:
            done.set()
        assert looking.result() <= {None, len(data)}
    assert store.size(key) == len(data)


def test_many_put_at_once(store: Store) -> None:
    """Into folders that are all new, and several into the same one."""
    data = {blob_key("lab", f"{n % 8:02x}" + "0" * 62, new_id(datetime.now(UTC))): b"%d" % n for n in range(64)}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(store.put, data, data.values()))
        assert list(pool.map(store.read, data)) == list(data.values())
    assert keys_in(store) == sorted(data)


def test_deleted_objects_are_gone_and_deleting_them_again_is_no_error(store: Store) -> None:
    keep, *drop = (new_key() for _ in range(4))
    for key in (keep, *drop):
        store.put(key, DATA)
    for _ in range(2):
        store.delete(iter([*drop, new_key("other")]))
    assert keys_in(store) == [keep]
    assert store.size(drop[0]) is None
    with pytest.raises(ObjectLost):
        store.read(drop[0])


def test_deleting_nothing_is_no_error(store: Store) -> None:
    store.delete([])


def test_a_list_has_what_begins_with_the_prefix(store: Store) -> None:
    now = datetime.now(UTC)
    old = f"lab/ab/{DIGEST}"  # as version 0.1 named them
    mine = [new_key(), new_key(), pack_key("lab", new_id(now)), old]
    others = [new_key("lab2"), new_key("la"), "orris-store"]
    for number, key in enumerate([*mine, *others]):
        store.put(key, b"x" * number)
    assert keys_in(store, "lab/") == sorted(mine)
    assert keys_in(store, "lab/packs/") == [mine[2]]
    assert keys_in(store, "l/") == keys_in(store, "lab/zz/") == []
    assert dict(store.list("")) == {key: number for number, key in enumerate([*mine, *others])}
    folders = list(store.folders())
    assert {"la", "lab", "lab2"} <= set(folders)
    assert len(set(folders)) == len(folders)


def test_a_new_store_is_empty(store: Store) -> None:
    assert list(store.list("")) == []
    assert "lab" not in store.folders()


def test_long_lists_are_complete_also_while_their_objects_are_deleted(store: Store) -> None:
    keys = [new_key() for _ in range(2500)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(store.put, keys, [b"x"] * len(keys)))
    assert keys_in(store) == sorted(keys)
    seen = []
    for each in store.list("lab/"):
        seen.append(each.key)
        if len(seen) % 500 == 0:
            store.delete(seen[-500:])
    assert sorted(seen) == sorted(keys)
    assert keys_in(store) == []


def test_what_was_left_half_finished_is_tidied_an_hour_later(store: Store) -> None:
    """Objects stay, however old, and so does what somebody is just writing."""
    old = blob_key("lab", DIGEST, new_id(datetime.now(UTC) - timedelta(days=9)))
    store.put(old, DATA)
    killed, writing = (leave_half_finished(store, timedelta(minutes=minutes)) for minutes in (61, 59))
    assert killed()
    for _ in range(2):
        store.tidy()
        assert not killed()
        assert writing()
    assert store.read(old) == DATA


def test_tidying_lets_a_writer_go_on(store: Store) -> None:
    key = new_key()
    with store.writer(key) as writer:
        writer.write(DATA)
        store.tidy()
        writer.commit()
    assert store.read(key) == DATA


def test_a_place_is_named(store: Store) -> None:
    assert store.place


def test_a_store_signs_both_or_nothing(store: Store) -> None:
    put, get = store.presign_put(new_key(), DIGEST, 5), store.presign_get(new_key())
    assert (put is None) == (get is None)
    assert (put is None) == isinstance(store, FolderStore)
