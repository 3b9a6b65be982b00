"""Open a bucket: wait for the storage, make the bucket where it is missing, find out what can be done there."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from minio import Minio
from minio.error import S3Error

from orris.errors import FailedPrecondition, Unavailable
from orris_artifacts.store.s3.attempts import Attempts
from orris_artifacts.store.s3.bucket import Bucket
from orris_artifacts.store.s3.capabilities import Capabilities, Probe
from orris_artifacts.store.s3.options import S3Options, stays_here
from orris_artifacts.store.s3.presigning import Presigner
from orris_artifacts.store.s3.store import S3Store
from orris_artifacts.store.spool import check_folder
from orris_kit.logging import get_logger

log = get_logger(__name__)

_PROBE_TIME = timedelta(minutes=10)


def open_s3(options: S3Options, clock: Callable[[], datetime]) -> S3Store:
    """Return a bucket as a store.

    Raises Unavailable (STORE_UNREACHABLE), FailedPrecondition (STORE_REFUSES, BUCKET_MISSING).
    """
    _check_transport(options)
    check_folder(options.spool)
    bucket = Bucket(options)
    try:
        _make_where_missing(bucket)
        presigner = _presigner(bucket, options.endpoint, _PROBE_TIME, clock)
        found = Probe(bucket, presigner, clock()).run()
        S3Store(bucket, None, clock=clock).tidy()
    except BaseException:
        bucket.connections.clear()
        raise
    lifetime = options.presign_time if found.signed_checksums else None
    _say(options, found, direct_transfers=lifetime is not None)
    for_clients = _presigner(bucket, options.public_endpoint, lifetime, clock) if lifetime else None
    return S3Store(bucket, for_clients, clock=clock)


def _say(options: S3Options, found: Capabilities, *, direct_transfers: bool) -> None:
    log.info("object storage opened", place=options.place, **asdict(found), direct_transfers=direct_transfers)
    if found.versioning == "enabled":
        sentence = "the bucket keeps old versions: what is deleted stays until the bucket's lifecycle removes it"
        log.warning(sentence, place=options.place)


def _presigner(bucket: Bucket, endpoint: str, lifetime: timedelta, clock: Callable[[], datetime]) -> Presigner:
    options = bucket.options
    url = f"{endpoint}/{options.bucket}/{options.prefix}".rstrip("/")
    return Presigner(url, options.region, bucket.keys, lifetime, clock)


def _make_where_missing(bucket: Bucket) -> None:
    try:
        _wait_for(bucket)
    except FailedPrecondition as error:
        if error.reason != "BUCKET_MISSING":
            raise
        _make(bucket)


def _wait_for(bucket: Bucket) -> None:
    options = bucket.options
    try:
        bucket.check(Attempts(0))
    except Unavailable as error:
        log.warning("waiting for the object storage", seconds=options.patience.start, reason=error.message)
        bucket.check(Attempts(options.patience.start))


def _make(bucket: Bucket) -> None:
    options = bucket.options
    try:
        bucket.ask(Minio.make_bucket)
    except FailedPrecondition as error:
        if isinstance(error.__cause__, S3Error) and error.__cause__.code == "BucketAlreadyOwnedByYou":
            return  # by another service, just now
        message = f"the bucket is not there, and it cannot be made: {error.message}; make it"
        raise FailedPrecondition(message, reason="BUCKET_MISSING") from error
    log.info("bucket made", place=options.place)


def _check_transport(options: S3Options) -> None:
    for endpoint in dict.fromkeys((options.endpoint, options.public_endpoint)):
        if endpoint.startswith("http:") and not stays_here(endpoint):
            log.warning("object storage without TLS: what is sent there can be read on its way", endpoint=endpoint)
    if options.endpoint.startswith("https:") and options.ca_file is not None:
        try:
            ssl.create_default_context(cafile=options.ca_file)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or "no certificate in it"
            message = f"the certificates in {options.ca_file} cannot be used ({reason}); set ORRIS_ARTIFACTS_S3_CA_FILE"
            raise FailedPrecondition(message, reason="STORE_REFUSES") from error
