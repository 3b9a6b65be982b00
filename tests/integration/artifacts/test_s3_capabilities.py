"""What an object storage can do is tried at start: what it does not promise is not relied upon."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from urllib.parse import unquote, urlsplit

import pytest
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig

from orris_artifacts.object_keys import new_id
from orris_artifacts.store.s3.options import Patience
from tests.integration.artifacts.logged import fields_of
from tests.servers import proxy as faults
from tests.servers.buckets import open_bucket, options_of, untried
from tests.servers.object_storage import ObjectStorage
from tests.servers.proxy import Answer, Exchange, Proxy, proxy

DIGEST = "ab" * 32
SOON = Patience(attempts=0.2, start=0.2)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.fixture
def between(minio: ObjectStorage) -> Iterator[Proxy]:
    with proxy(minio.port) as made:
        yield made


def signed(exchange: Exchange) -> bool:
    return "X-Amz-Signature=" in exchange.path


def test_what_the_storage_can_do_is_found_out_and_said_once(
    object_storage: ObjectStorage, log: pytest.LogCaptureFixture
) -> None:
    store = open_bucket(options_of(object_storage))
    assert store.presign_put("lab/k", DIGEST, 1) is not None
    said = fields_of(log, "object storage opened")
    assert said == {
        "place": store.place,
        "signed_checksums": True,
        "conditional_put": True,
        "versioning": "off",
        "direct_transfers": True,
    }


def test_nothing_stays_of_the_attempts(object_storage: ObjectStorage) -> None:
    """But what another service tries just now; what was left behind an hour ago is removed as well."""
    options = options_of(object_storage)
    store = untried(options)
    now = datetime.now(UTC)
    fresh, old = (f".probe/{new_id(now - age)}" for age in (timedelta(minutes=1), timedelta(hours=2)))
    for key in (fresh, old, "lab/k"):
        store.put(key, b"x")
    open_bucket(options)
    assert {each.key for each in store.list("")} == {fresh, "lab/k"}


def test_direct_transfers_may_be_switched_off(object_storage: ObjectStorage, log: pytest.LogCaptureFixture) -> None:
    store = open_bucket(options_of(object_storage, presign_time=None))
    assert store.presign_put("lab/k", DIGEST, 1) is None
    assert store.presign_get("lab/k") is None
    said = fields_of(log, "object storage opened")
    assert said["signed_checksums"] is True
    assert said["direct_transfers"] is False


@pytest.mark.needs("minio")
def test_old_versions_are_spoken_of(minio: ObjectStorage, log: pytest.LogCaptureFixture) -> None:
    bucket = minio.new_bucket()
    minio.client().set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    store = open_bucket(options_of(minio, bucket=bucket))
    assert fields_of(log, "object storage opened")["versioning"] == "enabled"
    assert any("keeps old versions" in record.getMessage() for record in log.records)
    store.put("lab/k", b"x")
    store.delete(["lab/k"])
    assert list(store.list("")) == []
    assert store.size("lab/k") is None


def taken_unseen(exchange: Exchange) -> None:
    """Say yes to every signed upload, and keep nothing."""
    if signed(exchange):
        exchange.body()
        exchange.reply(Answer(200, {}, b""))
    else:
        faults.hand_on(exchange)


def not_known(exchange: Exchange) -> None:
    faults.says(501, "NotImplemented")(exchange) if signed(exchange) else faults.hand_on(exchange)


def failing(exchange: Exchange) -> None:
    faults.says(500, "InternalError")(exchange) if signed(exchange) else faults.hand_on(exchange)


def forbidden(exchange: Exchange) -> None:
    faults.says_html(403)(exchange) if signed(exchange) else faults.hand_on(exchange)


@pytest.mark.needs("minio")
@pytest.mark.parametrize("fault", [taken_unseen, not_known, failing, forbidden])
def test_a_storage_that_does_not_check_signs_nothing_for_clients(
    minio: ObjectStorage, between: Proxy, fault: faults.Fault, log: pytest.LogCaptureFixture
) -> None:
    between.always = fault
    store = open_bucket(options_of(minio, endpoint=f"http://127.0.0.1:{between.port}", patience=SOON))
    assert store.presign_put("lab/k", DIGEST, 1) is None
    assert fields_of(log, "object storage opened")["signed_checksums"] is False
    store.put("lab/k", b"x")
    assert store.read("lab/k") == b"x"
    assert [each.key for each in store.list("")] == ["lab/k"]


@pytest.mark.needs("minio")
def test_a_storage_that_takes_anything_signs_nothing_for_clients(
    minio: ObjectStorage, between: Proxy, log: pytest.LogCaptureFixture
) -> None:
    def takes_anything(exchange: Exchange) -> None:
        if not signed(exchange):
            return faults.hand_on(exchange)
        body = exchange.body()
        _, bucket, name = unquote(urlsplit(exchange.path).path).split("/", 2)
        minio.client().put_object(bucket, name, BytesIO(body), len(body))
        return exchange.reply(Answer(200, {}, b""))

    between.always = takes_anything
    store = open_bucket(options_of(minio, endpoint=f"http://127.0.0.1:{between.port}"))
    assert store.presign_put("lab/k", DIGEST, 1) is None
    said = fields_of(log, "object storage opened")
    assert (said["signed_checksums"], said["conditional_put"]) == (False, False)
    assert list(store.list("")) == []
