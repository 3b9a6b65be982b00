"""Object storage that runs on this machine, as a test or a measurement sees it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from minio import Minio
from minio.error import MinioException
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from tests.servers.programs import Program


@dataclass
class ObjectStorage:
    """A running server, its credentials, and a client of its own SDK."""

    name: str
    port: int
    access_key: str = field(default_factory=lambda: f"key{secrets.token_hex(6)}")
    secret_key: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)
    program: Program = field(init=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Minio:
        """Return a client that does not try again."""
        address = f"127.0.0.1:{self.port}"
        http = PoolManager(retries=False, timeout=10)
        return Minio(address, self.access_key, self.secret_key, secure=False, region="us-east-1", http_client=http)

    def new_bucket(self) -> str:
        """Make a bucket that nobody else uses, and return its name."""
        bucket = f"test-{secrets.token_hex(6)}"
        self.client().make_bucket(bucket)
        return bucket

    @cached_property
    def bucket(self) -> str:
        """A bucket for all who take a prefix of their own: SeaweedFS can have few."""
        return self.new_bucket()

    def environment(self, prefix: str) -> dict[str, str]:
        """Return the variables that let the artifacts service keep its blobs there."""
        return {
            "ORRIS_ARTIFACTS_STORE": f"s3://{self.bucket}/{prefix}",
            "ORRIS_ARTIFACTS_S3_ENDPOINT": self.endpoint,
            "ORRIS_ARTIFACTS_S3_ACCESS_KEY": self.access_key,
            "ORRIS_ARTIFACTS_S3_SECRET_KEY": self.secret_key,
        }

    def answers(self, question: Callable[[Minio], object]) -> bool:
        """Tell whether a question to the server succeeds."""
        try:
            question(self.client())
        except (HTTPError, MinioException, OSError):
            return False
        return True
