"""How asking object storage fails: known by a code of S3's, or by what the connection met."""

from __future__ import annotations

import re
import ssl
from typing import NamedTuple
from xml.etree.ElementTree import ParseError

from minio.deleteobjects import DeleteError
from minio.error import MinioException, S3Error, ServerError
from urllib3 import exceptions as http

from orris_artifacts.store.s3.connections import NotFromS3

NOT_S3, NO_TLS, UNTRUSTED = "an answer that is none of S3's", "no TLS", "an untrusted certificate"
LOST_CONNECTION = "the connection was lost"

# Answers that say "not now", and those to a request that was damaged on its way.
_PASSING_CODES = frozenset(
    {
        *("InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"),
        *("BadDigest", "IncompleteBody", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"),
    }
)
PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_CODE = re.compile(r"[A-Za-z0-9.]{1,60}")
_NO_TLS_REASONS = frozenset({"HTTP_REQUEST", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER"})


class NotDeleted(Exception):
    """An object of many that were to be deleted is still there."""

    def __init__(self, error: DeleteError) -> None:
        super().__init__(error.code)
        self.code = error.code


class Failure(NamedTuple):
    """`code` is one of S3's, or says in a few words what happened; `passes`: it may succeed when tried again."""

    code: str
    status: int = 0
    passes: bool = True

    def __str__(self) -> str:
        return f"{self.code} (HTTP {self.status})" if self.status else self.code


# What the SDK, and the connections below it, raise; ValueError at XML that is no answer to what was asked.
ERRORS = (MinioException, http.HTTPError, NotFromS3, NotDeleted, ParseError, ValueError)


def failure_of(error: Exception) -> Failure:
    """Return what one of ERRORS says, in words that hold nothing of what was sent."""
    match error:
        case S3Error():
            return _answered(error.code or "", error.response.status)
        case NotDeleted():
            return _answered(error.code, 0)
        case ServerError():
            return Failure("an error without a code", error.status_code, error.status_code in PASSING_STATUSES)
        case NotFromS3():
            return Failure(NOT_S3, error.status, error.status in PASSING_STATUSES)
        case http.SSLError():
            return _not_secure(error)
        case http.HTTPError():
            return Failure(_not_answered(error))
    return Failure(NOT_S3, passes=False)


def may_be_of_one_object(error: BaseException | None) -> bool:
    """Tell whether a storage may fail so that finds one object's bytes rotten, as MinIO does; not one that is slow."""
    if not isinstance(error, ERRORS):
        return False
    failure = failure_of(error)
    return failure.code == LOST_CONNECTION or (failure.status >= 500 and failure.code != "SlowDown")


def _answered(code: str, status: int) -> Failure:
    known = code if _CODE.fullmatch(code) else "an unknown code"
    return Failure(known, status, code in _PASSING_CODES or status in PASSING_STATUSES)


def _not_secure(error: http.SSLError) -> Failure:
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Failure(UNTRUSTED, passes=False)
    if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS_REASONS:
        return Failure(NO_TLS, passes=False)
    return Failure("a broken TLS connection")


def _not_answered(error: http.HTTPError) -> str:
    match error:
        case http.NameResolutionError():
            return "its name has no address"
        case http.NewConnectionError():
            return f"no connection: {getattr(error.__cause__, 'strerror', None) or 'refused'}"
        case http.ConnectTimeoutError():
            return "no connection in time"
        case http.ReadTimeoutError():
            return "no answer in time"
        case http.ProtocolError():
            return LOST_CONNECTION
    return type(error).__name__
