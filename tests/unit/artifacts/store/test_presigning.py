"""Signatures: as Amazon writes them, over all that an upload must be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from orris_artifacts.store.s3.options import Keys
from orris_artifacts.store.s3.presigning import Presigner, presigned_url

EXAMPLE = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
NOW = datetime(2026, 11, 24, 12, 0, 0, 999_999, tzinfo=UTC)
DIGEST = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
CHECKSUM = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


def presigner(keys: Keys = EXAMPLE, bucket_url: str = "https://storage.example/blobs/prefix") -> Presigner:
    return Presigner(bucket_url, "eu-central-1", lambda: keys, timedelta(minutes=20), lambda: NOW)


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_amazons_own_example() -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""
    url = "https://examplebucket.s3.amazonaws.com/test.txt"
    signed = presigned_url("GET", url, {}, EXAMPLE, "us-east-1", datetime(2013, 5, 24, tzinfo=UTC), 86400)
    assert signed == (
        f"{url}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_an_upload_is_signed_with_its_size_and_its_checksum() -> None:
    request = presigner().put(f"lab/2c/{DIGEST}-0", DIGEST, 5)
    assert request.headers == {"content-length": "5", "x-amz-checksum-sha256": CHECKSUM}
    assert query_of(request.url)["X-Amz-SignedHeaders"] == "content-length;host;x-amz-checksum-sha256"
    assert urlsplit(request.url).path == f"/blobs/prefix/lab/2c/{DIGEST}-0"


@pytest.mark.parametrize(("digest", "size"), [(DIGEST, 6), ("00" * 32, 5)])
def test_another_size_or_checksum_is_another_signature(digest: str, size: int) -> None:
    here, there = presigner().put("k", DIGEST, 5), presigner().put("k", digest, size)
    assert query_of(here.url)["X-Amz-Signature"] != query_of(there.url)["X-Amz-Signature"]


def test_a_download_needs_no_headers() -> None:
    request = presigner().get("k")
    assert request.headers == {}
    assert query_of(request.url)["X-Amz-SignedHeaders"] == "host"


def test_a_request_says_until_when_it_holds() -> None:
    request = presigner().get("k")
    assert request.expiry == NOW.replace(microsecond=0) + timedelta(minutes=20)
    assert query_of(request.url)["X-Amz-Date"] == "20261124T120000Z"
    assert query_of(request.url)["X-Amz-Expires"] == "1200"


def test_a_session_token_is_signed_too() -> None:
    plain, with_token = (presigner(Keys("a", "b", token)).get("k").url for token in (None, "to+ken"))
    assert "X-Amz-Security-Token" not in query_of(plain)
    assert query_of(with_token)["X-Amz-Security-Token"] == "to+ken"
    assert query_of(plain)["X-Amz-Signature"] != query_of(with_token)["X-Amz-Signature"]


def test_keys_that_change_are_used() -> None:
    keys = [Keys("old", "s"), Keys("new", "s")]
    made = Presigner("http://h:1/b", "us-east-1", lambda: keys.pop(0), timedelta(hours=1), lambda: NOW)
    assert [query_of(made.get("k").url)["X-Amz-Credential"].partition("/")[0] for _ in range(2)] == ["old", "new"]


def test_a_signed_request_is_a_secret() -> None:
    assert "Signature" not in repr(presigner().get("k"))
