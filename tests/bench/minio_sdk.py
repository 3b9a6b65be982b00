"""What MinIO's own SDK needs for the same files: each method returns seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from minio import Minio

from tests.bench.rows import seconds


class MinioSdk:
    """One bucket, and the large file in it."""

    def __init__(self, client: Minio, bucket: str, folder: Path) -> None:
        self._client = client
        self._bucket = bucket
        self._file = folder / "raw-down"

    def up(self, path: Path) -> float:
        return seconds(lambda: self._client.fput_object(self._bucket, "large", str(path)))

    def down(self) -> float:
        took = seconds(self._get)
        self._file.unlink()
        return took

    def verified_down(self) -> float:
        """Read the file again, as who wants to know whether its bytes are right has to."""
        took = seconds(self._get) + seconds(self._hash)
        self._file.unlink()
        return took

    def small_up(self, files: Mapping[str, Path]) -> float:
        def one_by_one() -> None:
            for name, path in files.items():
                self._client.fput_object(self._bucket, name, str(path))

        return seconds(one_by_one)

    def _get(self) -> None:
        self._client.fget_object(self._bucket, "large", str(self._file))

    def _hash(self) -> None:
        with self._file.open("rb") as file:
            hashlib.file_digest(file, "sha256")
