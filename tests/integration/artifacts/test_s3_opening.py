"""What happens at start: the storage is waited for, the bucket made, and what can be done there found out."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterator

import pytest
from minio.credentials.providers import AssumeRoleProvider

from orris.errors import FailedPrecondition, Unavailable
from orris_artifacts.store.s3.options import Keys, Patience
from tests.integration.artifacts.logged import fields_of
from tests.servers import proxy as faults
from tests.servers.buckets import open_bucket, options_of
from tests.servers.object_storage import ObjectStorage
from tests.servers.programs import free_ports
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


def test_a_missing_bucket_is_made(object_storage: ObjectStorage, log: pytest.LogCaptureFixture) -> None:
    name = f"new-{secrets.token_hex(6)}"
    store = open_bucket(options_of(object_storage, bucket=name))
    store.put("lab/k", b"x")
    assert object_storage.client().bucket_exists(name)
    assert fields_of(log, "bucket made")["place"] == store.place


@pytest.mark.needs("minio")
def test_the_storage_is_waited_for(minio: ObjectStorage, between: Proxy, log: pytest.LogCaptureFixture) -> None:
    between.faults.extend([faults.drop] * 4)
    open_bucket(options_of(minio, endpoint=f"http://127.0.0.1:{between.port}"))
    assert "connection was lost" in fields_of(log, "waiting for the object storage")["reason"]


@pytest.mark.needs("minio")
def test_a_storage_that_does_not_come_is_named(minio: ObjectStorage, log: pytest.LogCaptureFixture) -> None:
    (port,) = free_ports(1)
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}: no connection: Connection refused") as caught:
        open_bucket(options_of(minio, endpoint=f"http://127.0.0.1:{port}", patience=SOON))
    assert caught.value.reason == "STORE_UNREACHABLE"
    assert fields_of(log, "waiting for the object storage")["seconds"] == 0.2


def test_wrong_credentials_are_named_and_not_shown(
    object_storage: ObjectStorage, log: pytest.LogCaptureFixture
) -> None:
    secret = "d0-n0t-sh0w-me"
    cases = {"SECRET_KEY": Keys(object_storage.access_key, secret), "ACCESS_KEY": Keys("unknown", secret)}
    for setting, keys in cases.items():
        with pytest.raises(FailedPrecondition, match=f"set ORRIS_ARTIFACTS_S3_{setting}") as caught:
            open_bucket(options_of(object_storage, credentials=keys))
        assert caught.value.reason == "STORE_REFUSES"
        assert secret not in caught.value.message
    said = f"{log.text}{[getattr(record, 'fields', None) for record in log.records]}"
    assert secret not in said
    assert object_storage.secret_key not in said


def role(storage: ObjectStorage, *actions: str) -> Keys:
    """Return keys that may do so much."""
    policy = {"Effect": "Allow", "Action": [f"s3:{action}" for action in actions], "Resource": ["arn:aws:s3:::*"]}
    found = AssumeRoleProvider(
        sts_endpoint=storage.endpoint,
        access_key=storage.access_key,
        secret_key=storage.secret_key,
        policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]}),
    ).retrieve()
    return Keys(found.access_key, found.secret_key, found.session_token)


NEEDED = ("GetObject", "PutObject", "DeleteObject", "ListBucket")


@pytest.mark.needs("minio")
def test_four_permissions_are_enough(minio: ObjectStorage, log: pytest.LogCaptureFixture) -> None:
    store = open_bucket(options_of(minio, credentials=role(minio, *NEEDED)))
    assert fields_of(log, "object storage opened")["versioning"] == "unknown"
    assert store.presign_put("lab/k", DIGEST, 1) is not None


@pytest.mark.needs("minio")
@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_permission_is_noticed_at_start(minio: ObjectStorage, missing: str) -> None:
    keys = role(minio, *(each for each in NEEDED if each != missing))
    with pytest.raises(FailedPrecondition, match=r"AccessDenied.*get, put, delete and list objects"):
        open_bucket(options_of(minio, credentials=keys))


@pytest.mark.needs("minio")
def test_a_bucket_that_may_not_be_made_is_named(minio: ObjectStorage) -> None:
    with pytest.raises(FailedPrecondition, match=r"bucket is not there, and it cannot be made.*AccessDenied") as caught:
        open_bucket(options_of(minio, bucket="absent-bucket", credentials=role(minio, *NEEDED)))
    assert caught.value.reason == "BUCKET_MISSING"


@pytest.mark.needs("minio")
@pytest.mark.parametrize("status", [200, 404])
def test_something_else_that_answers_is_named(minio: ObjectStorage, between: Proxy, status: int) -> None:
    between.always = faults.says_html(status)
    with pytest.raises(FailedPrecondition, match=r"none of S3's.*set ORRIS_ARTIFACTS_S3_ENDPOINT"):
        open_bucket(options_of(minio, endpoint=f"http://127.0.0.1:{between.port}"))


@pytest.mark.needs("minio")
def test_something_that_forgets_is_named(minio: ObjectStorage, between: Proxy) -> None:
    def forgets(exchange: Exchange) -> None:
        exchange.body()
        empty = b"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
        exchange.reply(Answer(200, {"Content-Type": "application/xml"}, empty))

    between.always = forgets
    with pytest.raises(FailedPrecondition, match="does not give back what was put there"):
        open_bucket(options_of(minio, endpoint=f"http://127.0.0.1:{between.port}"))


def test_a_way_without_tls_is_warned_of(object_storage: ObjectStorage, log: pytest.LogCaptureFixture) -> None:
    open_bucket(options_of(object_storage))
    assert "without TLS" not in log.text
    open_bucket(options_of(object_storage, public_endpoint="http://storage.example"))
    sentence = "object storage without TLS: what is sent there can be read on its way"
    assert fields_of(log, sentence)["endpoint"] == "http://storage.example"
