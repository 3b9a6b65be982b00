"""What to tell people when object storage refuses, is full or is away: what happened, where, and what to do."""

from __future__ import annotations

from orris.errors import FailedPrecondition, ResourceExhausted, Unavailable
from orris_artifacts.store.port import ObjectLost
from orris_artifacts.store.s3.failures import NO_TLS, NOT_S3, UNTRUSTED, Failure

RETRY_SECONDS = 5.0

_LOST = frozenset({"InvalidRange", "NoSuchKey", "NoSuchVersion"})
_FULL = frozenset(
    {
        "InsufficientCapacity",
        "InsufficientStorage",
        "QuotaExceeded",
        "XMinioAdminBucketQuotaExceeded",
        "XMinioStorageFull",
    }
)
_FULL_STATUS = 507

_SETTING = "ORRIS_ARTIFACTS_S3_"
_RENEW = "renew the credentials: their session token is not, or no longer, valid"
_REGION = f"set {_SETTING}REGION and {_SETTING}ENDPOINT to those of the bucket"
_REMEDIES = {
    "AccessDenied": "allow these credentials to get, put, delete and list objects in the bucket",
    "AuthorizationHeaderMalformed": _REGION,
    "ExpiredToken": _RENEW,
    "IllegalLocationConstraintException": _REGION,
    "InvalidAccessKeyId": f"set {_SETTING}ACCESS_KEY, or the credentials file, to a key that is known there",
    "InvalidToken": _RENEW,
    "InvalidTokenId": _RENEW,
    "PermanentRedirect": _REGION,
    "Redirect": _REGION,
    "RequestTimeTooSkewed": "set the clocks of this machine and of the storage: they are more than 15 minutes apart",
    "SignatureDoesNotMatch": f"set {_SETTING}SECRET_KEY, or the credentials file, to the secret of the access key",
    "TemporaryRedirect": _REGION,
    "TokenRefreshRequired": _RENEW,
    NOT_S3: f"set {_SETTING}ENDPOINT to an object storage, and let proxies before it pass everything on",
    NO_TLS: f"let {_SETTING}ENDPOINT begin with http://, or the storage use TLS",
    UNTRUSTED: f"set {_SETTING}CA_FILE to the certificate of who signed the storage's",
}
_LOOK_UP = "look the code up in the storage's documentation"


def told(failure: Failure, place: str) -> Exception:
    """Return what to raise: ObjectLost, Unavailable, FailedPrecondition or ResourceExhausted."""
    if failure.code in _LOST:
        return ObjectLost(f"{place} answers {failure}")
    if failure.code == "NoSuchBucket":
        return FailedPrecondition(f"the bucket is not there: {place}; bring it back", reason="BUCKET_MISSING")
    if failure.code in _FULL or failure.status == _FULL_STATUS:
        message = f"the object storage is full: {place} answers {failure}; free space there, then retry"
        return ResourceExhausted(message, reason="STORE_FULL", retry_after=RETRY_SECONDS)
    if failure.passes:
        message = f"the object storage cannot be used now: {place}: {failure}; retry, and see its log if this lasts"
        return Unavailable(message, reason="STORE_UNREACHABLE", retry_after=RETRY_SECONDS)
    remedy = _REMEDIES.get(failure.code, _LOOK_UP)
    message = f"the object storage refuses: {place}: {failure}; {remedy}"
    return FailedPrecondition(message, reason="STORE_REFUSES")
