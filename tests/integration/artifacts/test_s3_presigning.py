"""Requests that clients send past the service: the storage takes just what was signed."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from minio.credentials.providers import AssumeRoleProvider

from orris.errors import FailedPrecondition
from orris_artifacts.store.port import SignedRequest
from orris_artifacts.store.s3.opening import open_s3
from orris_artifacts.store.s3.options import Keys
from orris_artifacts.store.s3.store import S3Store
from tests.servers.buckets import open_bucket, options_of
from tests.servers.object_storage import ObjectStorage

DATA = b"0123456789" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()
KEY = f"lab/{DIGEST[:2]}/{DIGEST}-0"


def send(
    method: str, request: SignedRequest, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Send a request as the library does; return status and body."""
    url = urlsplit(request.url)
    connection = http.client.HTTPConnection(url.netloc, timeout=30)
    try:
        connection.request(
            method, f"{url.path}?{url.query}", body, dict(request.headers if headers is None else headers)
        )
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def put_request(store: S3Store, key: str = KEY, data: bytes = DATA) -> SignedRequest:
    request = store.presign_put(key, hashlib.sha256(data).hexdigest(), len(data))
    assert request is not None
    return request


def get_request(store: S3Store, key: str = KEY) -> SignedRequest:
    request = store.presign_get(key)
    assert request is not None
    return request


def changed(request: SignedRequest, old: str, new: str) -> SignedRequest:
    assert old in request.url
    return replace(request, url=request.url.replace(old, new))


@pytest.fixture
def store(object_storage: ObjectStorage) -> Iterator[S3Store]:
    made = open_bucket(options_of(object_storage))
    yield made
    made.close()


@pytest.mark.parametrize("data", [DATA, b"", b"x"], ids=len)
def test_the_right_bytes_are_taken(store: S3Store, data: bytes) -> None:
    assert send("PUT", put_request(store, data=data), data) == (200, b"")
    assert store.read(KEY) == data


def test_the_largest_blob_is_taken(store: S3Store) -> None:
    data = os.urandom(16 * 1024 * 1024)
    assert send("PUT", put_request(store, data=data), data)[0] == 200
    assert hashlib.sha256(send("GET", get_request(store))[1]).digest() == hashlib.sha256(data).digest()


def test_the_right_bytes_are_taken_again(store: S3Store) -> None:
    request = put_request(store)
    for _ in range(2):
        assert send("PUT", request, DATA)[0] == 200
    assert store.read(KEY) == DATA


WRONG = {
    "other": DATA[:-1] + b"!",
    "longer": DATA + b"!",
    "shorter": DATA[:-1],
    "none": b"",
}


@pytest.mark.parametrize("name", WRONG)
def test_other_bytes_are_refused(store: S3Store, name: str) -> None:
    """A client that tells the truth about their number."""
    body = WRONG[name]
    headers = {**put_request(store).headers, "content-length": str(len(body))}
    assert send("PUT", put_request(store), body, headers)[0] in (400, 403)
    assert store.size(KEY) is None
    assert list(store.list("")) == []


def test_other_bytes_do_not_replace_the_right_ones(store: S3Store) -> None:
    request = put_request(store)
    assert send("PUT", request, DATA)[0] == 200
    assert send("PUT", request, WRONG["other"])[0] == 400
    assert store.read(KEY) == DATA


def test_a_forged_checksum_is_refused(store: S3Store) -> None:
    forged = base64.b64encode(hashlib.sha256(WRONG["other"]).digest()).decode()
    headers = {**put_request(store).headers, "x-amz-checksum-sha256": forged}
    assert send("PUT", put_request(store), WRONG["other"], headers)[0] == 403
    assert store.size(KEY) is None


def test_a_checksum_that_is_left_out_is_refused(store: S3Store) -> None:
    assert send("PUT", put_request(store), DATA, {})[0] in (400, 403)
    assert store.size(KEY) is None


def test_another_key_is_refused(store: S3Store) -> None:
    assert send("PUT", changed(put_request(store), "-0?", "-1?"), DATA)[0] == 403
    assert list(store.list("")) == []
    store.put(f"{KEY[:-1]}1", DATA)
    assert send("GET", changed(get_request(store), "-0?", "-1?"))[0] == 403


@pytest.mark.parametrize(("old", "new"), [("X-Amz-Expires=3600", "X-Amz-Expires=36000"), ("X-Amz-Signature=", "&0=")])
def test_a_changed_url_is_refused(store: S3Store, old: str, new: str) -> None:
    assert send("PUT", changed(put_request(store), old, new), DATA)[0] in (400, 403)
    assert list(store.list("")) == []


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_a_request_to_write_allows_nothing_else(store: S3Store, method: str) -> None:
    store.put(KEY, DATA)
    assert send(method, put_request(store), DATA)[0] in (400, 403, 405)
    assert store.read(KEY) == DATA


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_request_to_read_allows_nothing_else(store: S3Store, method: str) -> None:
    store.put(KEY, DATA)
    assert send(method, get_request(store), b"!" if method == "PUT" else None)[0] in (400, 403)
    assert store.read(KEY) == DATA


def test_what_has_expired_is_refused(object_storage: ObjectStorage) -> None:
    options = options_of(object_storage)
    now = datetime.now(UTC)
    early = open_s3(options, lambda: now - timedelta(minutes=5))
    late = replace(options, presign_time=timedelta(minutes=4))
    store = open_s3(late, lambda: now - timedelta(minutes=5))
    early.put(KEY, DATA)
    request = get_request(store)
    assert request.expiry < now
    assert send("GET", request)[0] == 403
    assert send("PUT", put_request(store, f"{KEY}1"), DATA)[0] == 403
    assert send("GET", get_request(early)) == (200, DATA)
    assert store.size(f"{KEY}1") is None


@pytest.mark.parametrize(("asked", "found"), [("bytes=0-4", DATA[:5]), ("bytes=9995-9999", DATA[-5:])])
def test_ranges_are_read(store: S3Store, asked: str, found: bytes) -> None:
    store.put(KEY, DATA)
    assert send("GET", get_request(store), headers={"Range": asked}) == (206, found)


def test_what_is_not_there_is_not_read(store: S3Store) -> None:
    assert send("GET", get_request(store))[0] == 404


def test_clients_are_told_another_address(object_storage: ObjectStorage) -> None:
    """The signature is for the host that they send to, which the service itself need not reach."""
    public = f"http://localhost:{object_storage.port}"
    store = open_bucket(options_of(object_storage, public_endpoint=public))
    request = put_request(store)
    assert request.url.startswith(f"{public}/{object_storage.bucket}/")
    assert send("PUT", changed(request, "localhost", "127.0.0.1"), DATA)[0] == 403
    assert send("PUT", request, DATA)[0] == 200
    assert store.read(KEY) == DATA


@pytest.mark.needs("minio")
def test_keys_that_are_valid_for_a_while(minio: ObjectStorage) -> None:
    role = AssumeRoleProvider(sts_endpoint=minio.endpoint, access_key=minio.access_key, secret_key=minio.secret_key)
    found = role.retrieve()
    keys = Keys(found.access_key, found.secret_key, found.session_token)
    store = open_bucket(options_of(minio, credentials=keys))
    assert send("PUT", put_request(store), DATA)[0] == 200
    assert send("GET", get_request(store)) == (200, DATA)
    stale = replace(keys, session_token=f"{found.session_token}0")
    with pytest.raises(FailedPrecondition, match="renew the credentials") as caught:
        open_bucket(options_of(minio, credentials=stale))
    assert caught.value.reason == "STORE_REFUSES"
