"""A store and a database that belong together find each other, and no others."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import sqlalchemy as sa

from orris.errors import FailedPrecondition
from orris_artifacts.core import Artifacts
from orris_artifacts.identity import MARK, claim
from orris_artifacts.schema import metadata
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.store.port import ObjectLost
from orris_kit.database import open_database
from tests.unit.artifacts.conftest import Clock

DIGEST = hashlib.sha256(b"old").hexdigest()


def other_database(tmp_path: Path) -> sa.Engine:
    return open_database(str(tmp_path / "other.db"), "orris_artifacts", metadata)


def test_they_find_each_other_again(store: FolderStore, engine: sa.Engine, clock: Clock) -> None:
    claim(store, engine, clock)
    mark = store.read(MARK)
    claim(store, engine, clock)
    assert store.read(MARK) == mark


def test_another_database_is_refused(store: FolderStore, engine: sa.Engine, clock: Clock, tmp_path: Path) -> None:
    claim(store, engine, clock)
    other = other_database(tmp_path)
    with pytest.raises(FailedPrecondition) as caught:
        claim(store, other, clock)
    assert caught.value.reason == "OTHER_DATABASE"
    claim(FolderStore(tmp_path / "second"), other, clock)
    with pytest.raises(FailedPrecondition) as caught:
        claim(store, other, clock)
    assert caught.value.reason == "OTHER_STORE"
    other.dispose()


def test_an_empty_store_in_place_of_the_full_one_is_refused(
    core: Artifacts, store: FolderStore, engine: sa.Engine, clock: Clock, tmp_path: Path
) -> None:
    claim(store, engine, clock)
    core.blobs.put("lab", DIGEST, b"old")
    with pytest.raises(FailedPrecondition) as caught:
        claim(FolderStore(tmp_path / "empty"), engine, clock)
    assert caught.value.reason == "OTHER_STORE"


def test_a_store_whose_mark_cannot_be_read_is_not_taken_for_a_new_one(
    store: FolderStore, engine: sa.Engine, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the objects of another database would be garbage to this one."""
    other = other_database(tmp_path)
    claim(store, engine, clock)

    def cannot_be_read(key: str, offset: int = 0, size: int | None = None) -> bytes:
        raise ObjectLost(f"the disk cannot read {key}")

    monkeypatch.setattr(store, "read", cannot_be_read)
    for database, reason in ((other, "OTHER_DATABASE"), (engine, "OTHER_STORE")):
        with pytest.raises(FailedPrecondition) as caught:
            claim(store, database, clock)
        assert caught.value.reason == reason
    other.dispose()


def test_a_crash_before_the_store_was_marked_is_made_good(
    core: Artifacts, store: FolderStore, engine: sa.Engine, clock: Clock
) -> None:
    claim(store, engine, clock)
    core.blobs.put("lab", DIGEST, b"old")
    store.delete([MARK])
    claim(store, engine, clock)
    assert store.size(MARK) is not None


def test_blobs_of_an_earlier_version_are_taken_over(
    core: Artifacts, store: FolderStore, engine: sa.Engine, clock: Clock, tmp_path: Path
) -> None:
    old = tmp_path / "blobs" / "lab" / DIGEST[:2] / DIGEST
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    old.with_name(f"{'0' * 64}").write_bytes(b"of another shard")
    old.with_name(f"{DIGEST}.damaged").write_bytes(b"ld")
    claim(store, engine, clock)
    assert core.blobs.missing("lab", [DIGEST, "0" * 64]) == ["0" * 64]
    assert b"".join(core.blobs.read("lab", DIGEST)) == b"old"
