"""Where blobs lie, and for how long whoever was told so may count on it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from orris.errors import Unavailable
from orris_artifacts.index import TOUCH_AFTER, Index, Location
from orris_artifacts.object_keys import blob_key, new_id
from orris_artifacts.schema import blobs
from orris_kit.database import read, write
from tests.unit.artifacts.conftest import NOW, Clock

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def place(digest: str, clock: Clock) -> Location:
    return Location(digest, 3, blob_key("lab", digest, new_id(clock())), 0)


def use_time(engine: sa.Engine, digest: str) -> object:
    with read(engine) as connection:
        return connection.scalar(sa.select(blobs.c.use_time).where(blobs.c.digest == digest))


def test_what_was_added_is_found_in_its_workspace_only(index: Index, clock: Clock) -> None:
    a = place(A, clock)
    index.add("lab", [a])
    assert index.use("lab", [A, B]) == {A: a}
    assert index.use("other", [A]) == {}


def test_what_exists_stays_where_it_is(index: Index, clock: Clock) -> None:
    first, second = place(A, clock), place(A, clock)
    index.add("lab", [first])
    index.add("lab", [place(B, clock), second])
    assert index.use("lab", [A])[A] == first


def test_a_damaged_blob_is_missing_until_it_is_stored_again(index: Index, clock: Clock) -> None:
    first, second = place(A, clock), place(A, clock)
    index.add("lab", [first])
    index.mark_damaged("lab", first)
    assert index.use("lab", [A]) == {}
    assert index.find("lab", A) == (first, True)
    index.add("lab", [second])
    assert index.find("lab", A) == (second, False)
    index.mark_damaged("lab", first)  # said by one who read it before it was mended
    assert index.find("lab", A) == (second, False)


def test_a_use_is_written_down_when_the_last_one_is_old(index: Index, clock: Clock, engine: sa.Engine) -> None:
    index.add("lab", [place(A, clock)])
    clock.now += TOUCH_AFTER
    index.use("lab", [A])
    assert use_time(engine, A) == NOW
    clock.turn(seconds=1)
    index.use("lab", [A])
    assert use_time(engine, A) == clock.now


def test_to_store_again_is_a_use(index: Index, clock: Clock, engine: sa.Engine) -> None:
    index.add("lab", [place(A, clock)])
    clock.turn(hours=2)
    index.add("lab", [place(A, clock)])
    assert use_time(engine, A) == clock.now


def test_to_hold_is_a_use_and_tells_the_sizes(index: Index, clock: Clock, engine: sa.Engine) -> None:
    index.add("lab", [place(A, clock), place(B, clock)])
    index.mark_damaged("lab", index.use("lab", [B])[B])
    clock.turn(hours=2)
    with write(engine) as connection:
        assert index.hold(connection, "lab", [C, B, A]) == {A: 3}
    assert use_time(engine, A) == clock.now


def test_an_object_of_long_ago_gets_no_row_any_more(index: Index, clock: Clock) -> None:
    late = place(A, clock)
    clock.turn(hours=1, seconds=1)
    with pytest.raises(Unavailable) as caught:
        index.add("lab", [place(B, clock), late])
    assert caught.value.reason == "UPLOAD_TOO_OLD"
    assert index.use("lab", [A, B]) == {}


def test_thousands_of_blobs_are_found_at_once(index: Index, clock: Clock) -> None:
    digests = [f"{number:064x}" for number in range(3001)]
    index.add("lab", [place(digest, clock) for digest in digests])
    assert set(index.use("lab", digests)) == set(digests)
