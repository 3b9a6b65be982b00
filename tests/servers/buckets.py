"""Ways to a running object storage, as the artifacts service is told them."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orris_artifacts.store.s3.bucket import Bucket
from orris_artifacts.store.s3.opening import open_s3
from orris_artifacts.store.s3.options import Keys, S3Options
from orris_artifacts.store.s3.store import S3Store
from tests.servers.object_storage import ObjectStorage


def options_of(storage: ObjectStorage, **changed: Any) -> S3Options:
    """Return a prefix that nobody else uses in the storage's bucket, and the way there."""
    endpoint = changed.get("endpoint", storage.endpoint)
    made = S3Options(
        endpoint=endpoint,
        bucket=storage.bucket,
        prefix=f"test-{secrets.token_hex(6)}/",
        credentials=Keys(storage.access_key, storage.secret_key),
        region="us-east-1",
        public_endpoint=endpoint,
        presign_time=timedelta(hours=1),
        ca_file=None,
        spool=Path(tempfile.gettempdir()),
    )
    return replace(made, **changed)


def untried(options: S3Options) -> S3Store:
    """Return a bucket as a store, without a request being sent."""
    return S3Store(Bucket(options), None)


def open_bucket(options: S3Options) -> S3Store:
    """Return a bucket as a store."""
    return open_s3(options, lambda: datetime.now(UTC))
