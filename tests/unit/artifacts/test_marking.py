"""Marking in parts finds the same as marking all at once."""

from __future__ import annotations

from itertools import pairwise

import pytest
import sqlalchemy as sa

from orris_artifacts import marking
from orris_artifacts.amounts import Garbage
from orris_artifacts.core import Artifacts
from orris_artifacts.marking import Marks, Shard, shards_of
from tests.unit.artifacts.conftest import Clock
from tests.unit.artifacts.planting import RUN, collect, digest_of, plant, put


@pytest.mark.parametrize("count", [0, 1, 200_000, 200_001, 1_000_000, 10**12])
def test_shards_cover_all_digests_and_none_twice(count: int) -> None:
    shards = shards_of(count)
    assert len(shards) == min(max(1, -(-count // 200_000)), 65_536)
    assert shards[0].first <= "0" * 64
    assert shards[-1].end > "f" * 64
    assert all(one.end == following.first for one, following in pairwise(shards))
    assert all(each.first < each.end for each in shards)


def test_only_blobs_of_the_shard_are_said_to_be_unneeded(core: Artifacts, engine: sa.Engine) -> None:
    marks = Marks(Shard("8000", "g"))
    for _ in marks.read(engine, "lab"):
        pass
    assert marks.lack("8" + "0" * 63)
    assert not marks.lack("7" + "f" * 63)


def test_marking_in_parts_keeps_and_drops_the_same(
    core: Artifacts, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marking, "BLOBS_AT_ONCE", 3)
    monkeypatch.setattr(marking, "_PAGES_AT_ONCE", 2)
    kept, dropped = ([f"{word} {n}".encode() for n in range(20)] for word in ("kept", "dropped"))
    owners = [f"{RUN}-{n}" for n in range(len(kept))]
    for owner, one, other in zip(owners, kept, reversed(kept), strict=True):
        core.references.set("lab", owner, [plant(core, one, other)], [])
    put(core, *dropped)
    clock.turn(days=2)
    assert collect(core, dry_run=True).blobs == len(dropped)
    assert collect(core).blobs == len(dropped)
    assert core.blobs.read_many("lab", list(map(digest_of, kept))) == kept
    for owner in owners:
        core.references.delete("lab", owner)
    clock.turn(days=2)
    assert collect(core, dry_run=True) == Garbage(trees=20, blobs=20, blob_bytes=sum(map(len, kept)))
    assert collect(core).blobs == len(kept)
