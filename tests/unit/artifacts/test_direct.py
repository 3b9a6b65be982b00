"""Blobs that travel past the service."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument
from orris_artifacts.core import Artifacts
from orris_artifacts.direct import Upload, large_blobs
from orris_artifacts.limits import MIB
from orris_artifacts.manifest import Chunk, Entry
from orris_artifacts.object_keys import blob_key, new_id
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.store.port import SignedRequest
from tests.unit.artifacts.conftest import NOW, Clock

DATA = b"x" * 2000
DIGEST = hashlib.sha256(DATA).hexdigest()


class SigningStore(FolderStore):
    """A folder that hands out requests, which the tests carry out themselves."""

    def presign_put(self, key: str, digest: str, size: int) -> SignedRequest | None:
        return SignedRequest(f"put:{key}", {"checksum": digest}, NOW + timedelta(hours=1))

    def presign_get(self, key: str) -> SignedRequest | None:
        return SignedRequest(f"get:{key}", {}, NOW + timedelta(hours=1))


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FolderStore]:
    made = SigningStore(tmp_path_factory.mktemp("blobs"))
    yield made
    made.close()


def prepare(core: Artifacts) -> tuple[Upload, str]:
    ((upload, request),) = core.direct.prepare_uploads("lab", [(DIGEST, len(DATA))])
    return upload, request.url.removeprefix("put:")


def test_what_was_sent_exists_once_it_is_completed(core: Artifacts, store: FolderStore) -> None:
    upload, key = prepare(core)
    store.put(key, DATA)
    assert core.blobs.missing("lab", [DIGEST]) == [DIGEST]
    for _ in range(2):
        core.direct.complete_uploads("lab", [upload])
    assert b"".join(core.blobs.read("lab", DIGEST)) == DATA
    assert core.direct.prepare_uploads("lab", [(DIGEST, len(DATA))]) == []


def test_nothing_exists_that_did_not_arrive(core: Artifacts, store: FolderStore) -> None:
    upload, key = prepare(core)
    with pytest.raises(FailedPrecondition) as missing:
        core.direct.complete_uploads("lab", [upload])
    assert missing.value.reason == "UPLOAD_MISSING"
    store.put(key, DATA[:-1])
    with pytest.raises(InvalidArgument) as short:
        core.direct.complete_uploads("lab", [upload])
    assert short.value.reason == "SIZE_MISMATCH"
    assert core.blobs.missing("lab", [DIGEST]) == [DIGEST]


def test_an_upload_cannot_be_made_up_or_kept_for_ever(core: Artifacts, store: FolderStore, clock: Clock) -> None:
    upload, key = prepare(core)
    store.put(key, DATA)
    clock.turn(hours=1, seconds=1)
    made_up = ["", "../../other", "0" * 23, new_id(clock()) + "0"]
    for wrong in [upload, *(upload._replace(id=made) for made in made_up)]:
        with pytest.raises(InvalidArgument) as caught:
            core.direct.complete_uploads("lab", [wrong])
        assert caught.value.reason == "UNKNOWN_UPLOAD"


def test_an_upload_of_one_workspace_is_none_of_another(core: Artifacts, store: FolderStore) -> None:
    upload, key = prepare(core)
    store.put(key, DATA)
    with pytest.raises(FailedPrecondition):
        core.direct.complete_uploads("other", [upload])


def test_a_part_of_a_pack_is_read_by_its_range(core: Artifacts) -> None:
    core.blobs.put_many("lab", [(hashlib.sha256(data).hexdigest(), data) for data in (b"abc", DATA, b"")])
    empty, absent = hashlib.sha256().hexdigest(), "0" * 64
    found = core.direct.prepare_downloads("lab", [DIGEST, empty, absent])
    assert {digest: request.headers for digest, request in found.items()} == {DIGEST: {"Range": "bytes=3-2002"}}


def test_a_folder_offers_nothing(engine: sa.Engine, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> None:
    core = Artifacts(engine, FolderStore(tmp_path_factory.mktemp("plain")), clock)
    core.blobs.put("lab", DIGEST, DATA)
    assert core.direct.prepare_downloads("lab", [DIGEST]) == {}
    assert core.direct.prepare_uploads("lab", [("0" * 64, 5)]) == []
    core.close()


@pytest.mark.parametrize("size", [-1, 16 * 1024 * 1024 + 1])
def test_no_blob_is_too_large_or_less_than_nothing(core: Artifacts, size: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        core.direct.prepare_uploads("lab", [(DIGEST, size)])
    assert caught.value.reason == "BLOB_TOO_LARGE"


def test_a_thousand_at_a_time(core: Artifacts) -> None:
    digests = [f"{number:064x}" for number in range(1001)]
    assert len(core.direct.prepare_uploads("lab", [(digest, 5) for digest in digests[1:]])) == 1000
    upload = Upload(new_id(NOW), DIGEST, 1)
    for call in (
        lambda: core.direct.prepare_uploads("lab", [(digest, 5) for digest in digests]),
        lambda: core.direct.complete_uploads("lab", [upload] * 1001),
        lambda: core.direct.prepare_downloads("lab", digests),
    ):
        with pytest.raises(InvalidArgument) as caught:
            call()
        assert caught.value.reason == "TOO_MANY_BLOBS"
    assert blob_key("lab", DIGEST, upload.id).endswith(upload.id)


@pytest.mark.parametrize("count", [-1, 1001])
def test_no_more_blobs_are_listed_than_are_prepared(count: int) -> None:
    with pytest.raises(InvalidArgument, match="download_count") as caught:
        large_blobs([], count)
    assert caught.value.reason == "TOO_MANY_BLOBS"


def test_the_first_blobs_that_are_no_small_ones_are_listed_once_each() -> None:
    chunks = [Chunk(name * 64, size) for name, size in (("a", MIB), ("b", MIB + 1), ("c", 2 * MIB), ("d", 3 * MIB))]
    entries = [Entry(f"{number}", 0, 0o644, "", (*chunks[:3], chunks[2], chunks[3])) for number in range(2)]
    assert large_blobs(entries, 0) == []
    assert large_blobs(entries, 3) == ["b" * 64, "c" * 64]
    assert large_blobs(entries, 1000) == ["b" * 64, "c" * 64, "d" * 64]
