"""What an object storage can do beside keeping objects: tried, since its name and its version say little.

Nothing depends on it but speed: without signed checksums, no requests are signed for clients.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from minio import Minio
from minio.error import ServerError

from orris.errors import FailedPrecondition, Unavailable
from orris_artifacts.object_keys import new_id
from orris_artifacts.store.port import ObjectLost, SignedRequest
from orris_artifacts.store.s3.bucket import Bucket
from orris_artifacts.store.s3.connections import NotFromS3
from orris_artifacts.store.s3.failures import PASSING_STATUSES
from orris_artifacts.store.s3.presigning import Presigner
from orris_artifacts.store.s3.questions import CHECKSUM_HEADER, checksum_of, versioning
from orris_artifacts.store.s3.store import PROBES, S3Store

_RIGHT, _WRONG = b"orris asks: right", b"orris asks: wrong"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """signed_checksums: a signed request takes just the bytes it was signed for.

    conditional_put: what is there is not replaced when the request says so. versioning: as the bucket is set.
    """

    signed_checksums: bool
    conditional_put: bool
    versioning: str


class Probe:
    """Tries with objects under a prefix that nothing else uses."""

    def __init__(self, bucket: Bucket, presigner: Presigner, now: datetime) -> None:
        self._bucket = bucket
        self._store = S3Store(bucket, None)
        self._presigner = presigner
        self._now = now
        self._keys: set[str] = set()

    def run(self) -> Capabilities:
        """Return what the storage can do. Raises FailedPrecondition (STORE_REFUSES) when it does not keep objects."""
        kept = self._check_that_it_keeps()
        found = Capabilities(self._takes_only_what_was_signed(), self._replaces_nothing(kept), self._versioning())
        self._store.delete(self._keys)
        return found

    def _check_that_it_keeps(self) -> str:
        key = self._new_key()
        self._store.put(key, _RIGHT)
        listed = {each.key for each in self._store.list(PROBES)}
        try:
            found = self._store.read(key)
        except ObjectLost:
            found = b""
        if found != _RIGHT or key not in listed:
            message = f"{self._store.place} does not give back what was put there; it is no object storage"
            raise FailedPrecondition(message, reason="STORE_REFUSES")
        return key

    def _takes_only_what_was_signed(self) -> bool:
        damaged, forged, right = (self._new_key() for _ in range(3))
        if self._put(self._signed(damaged), _WRONG) == HTTPStatus.OK or self._store.size(damaged) is not None:
            return False
        if self._put(self._signed(forged), _WRONG, {CHECKSUM_HEADER: checksum_of(_WRONG)}) == HTTPStatus.OK:
            return False
        return self._put(self._signed(right), _RIGHT) == HTTPStatus.OK and self._store.size(right) == len(_RIGHT)

    def _replaces_nothing(self, key: str) -> bool:
        status = self._put(self._signed(key), _RIGHT, {"if-none-match": "*"})
        return status == HTTPStatus.PRECONDITION_FAILED

    def _versioning(self) -> str:
        try:
            return self._bucket.ask(versioning)
        except (FailedPrecondition, Unavailable):
            return "unknown"

    def _new_key(self) -> str:
        key = PROBES + new_id(self._now)
        self._keys.add(key)
        return key

    def _signed(self, key: str) -> SignedRequest:
        return self._presigner.put(key, hashlib.sha256(_RIGHT).hexdigest(), len(_RIGHT))

    def _put(self, request: SignedRequest, data: bytes, headers: Mapping[str, str] | None = None) -> int:
        sent = {**request.headers, **(headers or {})}

        def send(client: Minio, bucket: str) -> int:
            try:
                status = self._bucket.connections.request("PUT", request.url, body=data, headers=sent).status
            except NotFromS3 as error:
                status = error.status
            if status in PASSING_STATUSES:
                raise ServerError("no answer to a signed request", status)
            return status

        try:
            return self._bucket.ask(send)
        except Unavailable:  # it keeps objects, but cannot do this
            return HTTPStatus.SERVICE_UNAVAILABLE
