"""Requests that are signed in their URL: AWS Signature Version 4, "Authenticating Requests: Using Query Parameters".

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html

The minio SDK signs nothing but the host. Here the signature also covers how many bytes come and what their SHA-256 is:
the storage refuses all others.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from orris_artifacts.store.port import SignedRequest
from orris_artifacts.store.s3.options import Keys
from orris_artifacts.store.s3.questions import CHECKSUM_HEADER


class Presigner:
    """Signs requests for the objects of a bucket."""

    def __init__(
        self,
        bucket_url: str,
        region: str,
        keys: Callable[[], Keys],
        lifetime: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._bucket_url = bucket_url
        self._region = region
        self._keys = keys
        self._lifetime = lifetime
        self._clock = clock

    def put(self, key: str, digest: str, size: int) -> SignedRequest:
        """Return how to write an object: exactly `size` bytes, whose SHA-256 is `digest` (hexadecimal)."""
        headers = {"content-length": str(size), CHECKSUM_HEADER: base64.b64encode(bytes.fromhex(digest)).decode()}
        return self._signed("PUT", key, headers)

    def get(self, key: str) -> SignedRequest:
        """Return how to read an object, or a range of it."""
        return self._signed("GET", key, {})

    def _signed(self, method: str, key: str, headers: Mapping[str, str]) -> SignedRequest:
        begin = self._clock().replace(microsecond=0)
        url = f"{self._bucket_url}/{quote(key)}"
        seconds = int(self._lifetime.total_seconds())
        signed = presigned_url(method, url, headers, self._keys(), self._region, begin, seconds)
        return SignedRequest(signed, headers, begin + self._lifetime)


def presigned_url(
    method: str, url: str, headers: Mapping[str, str], keys: Keys, region: str, begin: datetime, seconds: int
) -> str:
    """Return `url` (escaped, without a query) with a signature that holds for so many seconds from `begin` (UTC) on.

    `headers` (names in lower case) must be sent as they are; the body is not signed but by them.
    """
    parts = urlsplit(url)
    time = begin.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/{region}/s3/aws4_request"
    signed = sorted({"host": parts.netloc, **headers}.items())
    names = ";".join(name for name, _ in signed)
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.access_key}/{scope}",
        "X-Amz-Date": time,
        "X-Amz-Expires": str(seconds),
        **({"X-Amz-Security-Token": keys.session_token} if keys.session_token else {}),
        "X-Amz-SignedHeaders": names,
    }
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    lines = "".join(f"{name}:{value}\n" for name, value in signed)
    request = f"{method}\n{parts.path}\n{asked}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    to_sign = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(_signing_key(keys.secret_key, scope), to_sign.encode(), "sha256").hex()
    return f"{url}?{asked}&X-Amz-Signature={signature}"


def _signing_key(secret_key: str, scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
