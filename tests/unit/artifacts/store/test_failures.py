"""What object storage answers, in words that people can act upon."""

from __future__ import annotations

import ssl
from types import SimpleNamespace
from typing import Any
from xml.etree.ElementTree import ParseError

import pytest
from minio.deleteobjects import DeleteError
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3 import exceptions as http

from orris.errors import FailedPrecondition, OrrisError, ResourceExhausted, Unavailable
from orris_artifacts.store.port import ObjectLost
from orris_artifacts.store.s3.connections import NotFromS3
from orris_artifacts.store.s3.failures import ERRORS, NotDeleted, failure_of
from orris_artifacts.store.s3.refusals import told

PLACE = "s3://blobs/ at https://storage.example"
SECRET = "d0-n0t-sh0w-me"


def answered(code: str, status: int) -> S3Error:
    response: Any = SimpleNamespace(status=status)
    return S3Error(response, code, f"says {SECRET}", f"/{SECRET}", "request", "host")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


POOL: Any = None
PASSING = [
    answered("SlowDown", 503),
    answered("SlowDownRead", 503),
    answered("XMinioServerNotInitialized", 503),
    answered("InternalError", 500),
    answered("RequestTimeout", 400),
    answered("BadDigest", 400),
    answered("XAmzContentSHA256Mismatch", 400),
    answered("IncompleteBody", 400),
    answered("TooManyRequests", 429),
    NotDeleted(DeleteError("SlowDown", None, "k", None)),
    ServerError("no words", 502),
    NotFromS3(504),
    http.NewConnectionError(POOL, SECRET),
    http.NameResolutionError("host", POOL, OSError(SECRET)),  # type: ignore[arg-type]
    http.ConnectTimeoutError(SECRET),
    http.ReadTimeoutError(POOL, f"/?{SECRET}", SECRET),
    http.ProtocolError(SECRET),
    http.IncompleteRead(5, 5),
    http.SSLError(tls("UNEXPECTED_EOF_WHILE_READING")),
]
REFUSING = {
    "AccessDenied": (403, "allow these credentials"),
    "InvalidAccessKeyId": (403, "_S3_ACCESS_KEY"),
    "SignatureDoesNotMatch": (403, "_S3_SECRET_KEY"),
    "ExpiredToken": (400, "renew the credentials"),
    "InvalidToken": (400, "renew the credentials"),
    "InvalidTokenId": (403, "renew the credentials"),
    "RequestTimeTooSkewed": (403, "set the clocks"),
    "AuthorizationHeaderMalformed": (400, "_S3_REGION"),
    "PermanentRedirect": (301, "_S3_REGION"),
    "SomethingNew": (418, "look the code up"),
}
FULL = {"XMinioStorageFull": 507, "XMinioAdminBucketQuotaExceeded": 400, "QuotaExceeded": 403, "Whatever": 507}


def raised(error: Exception) -> Exception:
    assert isinstance(error, ERRORS)
    return told(failure_of(error), PLACE)


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_passes_is_worth_a_retry(error: Exception) -> None:
    assert failure_of(error).passes
    made = raised(error)
    assert isinstance(made, Unavailable)
    assert made.reason == "STORE_UNREACHABLE"
    assert made.retry_after == 5
    assert PLACE in made.message
    assert SECRET not in made.message


@pytest.mark.parametrize("code", REFUSING)
def test_a_refusal_names_its_code_and_the_remedy(code: str) -> None:
    status, remedy = REFUSING[code]
    made = raised(answered(code, status))
    assert not failure_of(answered(code, status)).passes
    assert isinstance(made, FailedPrecondition)
    assert made.reason == "STORE_REFUSES"
    assert all(part in made.message for part in (PLACE, code, str(status), remedy))
    assert SECRET not in made.message


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (NotFromS3(404), "_S3_ENDPOINT"),
        (NotFromS3(413), "HTTP 413"),
        (ParseError("no XML"), "_S3_ENDPOINT"),
        (InvalidResponseError(200, "text/html", SECRET), "_S3_ENDPOINT"),
        (http.SSLError(ssl.SSLCertVerificationError(1, "self-signed")), "_S3_CA_FILE"),
        (http.SSLError(tls("WRONG_VERSION_NUMBER")), "begin with http://"),
    ],
    ids=repr,
)
def test_what_is_set_wrong_is_named(error: Exception, remedy: str) -> None:
    assert not failure_of(error).passes
    made = raised(error)
    assert isinstance(made, FailedPrecondition)
    assert made.reason == "STORE_REFUSES"
    assert remedy in made.message
    assert SECRET not in made.message


@pytest.mark.parametrize("code", FULL)
def test_a_full_storage_is_named_and_not_asked_again(code: str) -> None:
    made = raised(answered(code, FULL[code]))
    assert not failure_of(answered(code, FULL[code])).passes
    assert isinstance(made, ResourceExhausted)
    assert made.reason == "STORE_FULL"
    assert "free space" in made.message


def test_a_missing_bucket_is_no_lost_object() -> None:
    made = raised(answered("NoSuchBucket", 404))
    assert isinstance(made, FailedPrecondition)
    assert made.reason == "BUCKET_MISSING"


@pytest.mark.parametrize(("code", "status"), [("NoSuchKey", 404), ("InvalidRange", 416)])
def test_what_is_not_there_is_lost(code: str, status: int) -> None:
    assert isinstance(raised(answered(code, status)), ObjectLost)


@pytest.mark.parametrize("code", ["", "a b", "x" * 61, f"{SECRET}\n"])
def test_what_is_no_code_is_not_passed_on(code: str) -> None:
    made = raised(answered(code, 400))
    assert isinstance(made, OrrisError)
    assert "an unknown code (HTTP 400)" in made.message


def test_a_refused_connection_says_so() -> None:
    error = caused(http.NewConnectionError(POOL, "no"), ConnectionRefusedError(111, "Connection refused"))
    assert str(failure_of(error)) == "no connection: Connection refused"
