"""The rules of blobs."""

from __future__ import annotations

import hashlib
import os

import pytest

from orris.errors import DataLoss, InvalidArgument, NotFound, OutOfRange, ResourceExhausted
from orris_artifacts.core import Artifacts
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.store.port import Content

MIB = 1024 * 1024


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


HOSTILE = [
    "",
    "abc",
    "A" * 64,
    "g" * 64,
    "0" * 63,
    "0" * 65,
    "0" * 64 + "\n",
    "../" * 21 + "a",
    "\u0660" * 64,
    "/" + "0" * 63,
]


@pytest.mark.parametrize("digest", HOSTILE)
def test_what_is_no_digest_is_refused_everywhere(core: Artifacts, digest: str) -> None:
    for call in (
        lambda: core.blobs.missing("lab", [digest]),
        lambda: core.blobs.put("lab", digest, b""),
        lambda: core.blobs.put_many("lab", [(digest, b"")]),
        lambda: core.blobs.read_many("lab", [digest]),
    ):
        with pytest.raises(InvalidArgument) as caught:
            call()
        assert caught.value.reason == "INVALID_DIGEST"


def test_missing_tells_each_digest_once(core: Artifacts) -> None:
    core.blobs.put("lab", digest_of(b"a"), b"a")
    b, c = digest_of(b"b"), digest_of(b"c")
    assert core.blobs.missing("lab", [c, digest_of(b"a"), b, c, b]) == [c, b]


def test_more_than_ten_thousand_digests_are_refused(core: Artifacts) -> None:
    digests = [f"{number:064x}" for number in range(10_001)]
    assert len(core.blobs.missing("lab", digests[1:])) == 10_000
    with pytest.raises(InvalidArgument):
        core.blobs.missing("lab", digests)


def test_bytes_that_the_digest_does_not_name_are_not_stored(core: Artifacts) -> None:
    digest = digest_of(b"a")
    with pytest.raises(InvalidArgument) as caught:
        core.blobs.put("lab", digest, b"b")
    assert caught.value.reason == "DIGEST_MISMATCH"
    assert core.blobs.missing("lab", [digest]) == [digest]


def test_one_wrong_blob_of_a_batch_stores_none(core: Artifacts) -> None:
    a, b = digest_of(b"a"), digest_of(b"b")
    with pytest.raises(InvalidArgument):
        core.blobs.put_many("lab", [(a, b"a"), (b, b"B")])
    assert core.blobs.missing("lab", [a, b]) == [a, b]


def test_a_blob_is_at_most_16_mib(core: Artifacts) -> None:
    data = bytes(16 * MIB + 1)
    with pytest.raises(InvalidArgument) as caught:
        core.blobs.put("lab", digest_of(data), data)
    assert caught.value.reason == "BLOB_TOO_LARGE"


def test_a_batch_is_at_most_3_mib_in_either_direction(core: Artifacts) -> None:
    data = bytes(2 * MIB)
    digest = digest_of(data)
    with pytest.raises(InvalidArgument) as caught:
        core.blobs.put_many("lab", [(digest, data), (digest, data)])
    assert caught.value.reason == "BATCH_TOO_LARGE"
    core.blobs.put("lab", digest, data)
    with pytest.raises(InvalidArgument) as caught:
        core.blobs.read_many("lab", [digest, digest])
    assert caught.value.reason == "BATCH_TOO_LARGE"


def test_a_large_blob_is_damaged_that_the_store_does_not_give_to_its_end(core: Artifacts, store: FolderStore) -> None:
    """Also when that shows only after it was verified, and its beginning given."""
    data = os.urandom(2 * MIB)
    digest = digest_of(data)
    core.blobs.put("lab", digest, data)
    (object_,) = store.list("lab/")
    reading = core.blobs.read("lab", digest)
    assert next(reading) == data[:MIB]
    os.truncate(f"{store.place.removeprefix('the folder ')}/{object_.key}", MIB)
    for read in (lambda: next(reading), lambda: core.blobs.read("lab", digest)):
        with pytest.raises(DataLoss) as caught:
            read()
        assert caught.value.reason == "BLOB_DAMAGED"
    reading.close()
    assert core.blobs.missing("lab", [digest]) == [digest]


def test_a_blob_for_which_there_is_no_room_on_its_way_is_not_damaged(
    core: Artifacts, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(2 * MIB)
    digest = digest_of(data)
    core.blobs.put("lab", digest, data)

    def is_full(*where: object) -> Content:
        raise ResourceExhausted("the disk of the spool is full", reason="STORE_FULL")

    with monkeypatch.context() as patch:
        patch.setattr(store, "open", is_full)
        with pytest.raises(ResourceExhausted):
            core.blobs.read("lab", digest)
    assert b"".join(core.blobs.read("lab", digest)) == data


def test_a_batch_is_read_in_the_order_asked_for(core: Artifacts) -> None:
    core.blobs.put_many("lab", [(digest_of(data), data) for data in (b"a", b"b")])
    order = [b"b", b"a", b"b"]
    assert core.blobs.read_many("lab", [digest_of(data) for data in order]) == order


def test_a_batch_with_an_absent_blob_names_it(core: Artifacts) -> None:
    with pytest.raises(NotFound, match=digest_of(b"x")):
        core.blobs.read_many("lab", [digest_of(b"x")])


def test_ranges(core: Artifacts) -> None:
    digest = digest_of(b"0123456789")
    core.blobs.put("lab", digest, b"0123456789")
    for offset, length, expected in [
        (0, 0, b"0123456789"),
        (3, 4, b"3456"),
        (8, 100, b"89"),
        (10, 0, b""),
        (9, 0, b"9"),
    ]:
        assert b"".join(core.blobs.read("lab", digest, offset, length)) == expected
    with pytest.raises(OutOfRange) as caught:
        core.blobs.read("lab", digest, 11)
    assert caught.value.reason == "OFFSET_TOO_LARGE"
    for offset, length in [(-1, 0), (0, -1)]:
        with pytest.raises(InvalidArgument):
            core.blobs.read("lab", digest, offset, length)
