"""Small blobs that share an object."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from orris.errors import DataLoss
from orris_artifacts.core import Artifacts
from orris_artifacts.index import Index, Location
from orris_artifacts.packs import packed, spans_of
from orris_artifacts.store.folder import FolderStore


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(core: Artifacts, *blobs: bytes) -> None:
    core.blobs.put_many("lab", [(digest_of(data), data) for data in blobs])


def test_blobs_are_cut_out_of_what_was_packed() -> None:
    blobs = {digest_of(data): data for data in (b"one", b"", b"three")}
    data, locations = packed("lab/packs/x", blobs)
    (span,) = spans_of(locations)
    assert {location.digest: cut for location, cut in span.cut(data)} == blobs


def test_far_away_blobs_are_read_by_themselves() -> None:
    near = [Location("a", 10, "k", 0), Location("b", 10, "k", 50_000)]
    far = [Location("c", 10, "k", 1_000_000), Location("d", 10, "other", 60_000)]
    assert [(span.object, span.begin, span.end) for span in spans_of([*far, *near])] == [
        ("k", 0, 50_010),
        ("k", 1_000_000, 1_000_010),
        ("other", 60_000, 60_010),
    ]


def test_a_span_is_bounded() -> None:
    blobs = [Location(str(number), 2**20, "k", number * 2**20) for number in range(9)]
    assert [span.end - span.begin for span in spans_of(blobs)] == [4 * 2**20, 4 * 2**20, 2**20]


def test_a_batch_is_one_object(core: Artifacts, store: FolderStore) -> None:
    put(core, *(b"%d" % number for number in range(100)))
    assert len(list(store.list("lab/"))) == 1
    put(core, b"5", b"6", b"alone")
    assert sorted(stored.size for stored in store.list("lab/")) == [5, 190]
    put(core, b"5", b"6")
    assert len(list(store.list("lab/"))) == 2


def test_one_damaged_blob_of_a_pack_spoils_no_other(core: Artifacts, index: Index, tmp_path: Path) -> None:
    put(core, b"good", b"bad", b"fine")
    location = index.use("lab", [digest_of(b"bad")])[digest_of(b"bad")]
    with open(tmp_path / "blobs" / location.object, "r+b") as file:
        file.seek(location.offset)
        file.write(b"BAD")
    assert core.blobs.read_many("lab", [digest_of(b"good"), digest_of(b"fine")]) == [b"good", b"fine"]
    with pytest.raises(DataLoss, match=digest_of(b"bad")):
        core.blobs.read_many("lab", [digest_of(b"good"), digest_of(b"bad")])
    put(core, b"good", b"bad", b"fine")
    assert core.blobs.read_many("lab", [digest_of(b"bad")]) == [b"bad"]


def test_what_was_damaged_and_is_restored_is_there_again(core: Artifacts, index: Index, tmp_path: Path) -> None:
    put(core, b"one", b"two")
    path = tmp_path / "blobs" / index.use("lab", [digest_of(b"one")])[digest_of(b"one")].object
    right = path.read_bytes()
    path.write_bytes(b"???" + right[3:])
    for _ in range(2):
        with pytest.raises(DataLoss, match=digest_of(b"one")):
            core.blobs.read("lab", digest_of(b"one"))
    assert core.blobs.missing("lab", [digest_of(b"one")]) == [digest_of(b"one")]
    path.write_bytes(right)
    assert core.blobs.read_many("lab", [digest_of(b"one"), digest_of(b"two")]) == [b"one", b"two"]
    assert core.blobs.missing("lab", [digest_of(b"one")]) == []


def test_a_pack_that_was_cut_short_is_damage(core: Artifacts, index: Index, tmp_path: Path) -> None:
    put(core, b"first", b"second")
    path = tmp_path / "blobs" / index.use("lab", [digest_of(b"first")])[digest_of(b"first")].object
    path.write_bytes(b"firstsec")
    assert b"".join(core.blobs.read("lab", digest_of(b"first"))) == b"first"
    with pytest.raises(DataLoss) as caught:
        core.blobs.read("lab", digest_of(b"second"))
    assert caught.value.reason == "BLOB_DAMAGED"
    path.unlink()
    with pytest.raises(DataLoss):
        core.blobs.read("lab", digest_of(b"first"))
    assert core.blobs.missing("lab", [digest_of(b"first")]) == [digest_of(b"first")]
