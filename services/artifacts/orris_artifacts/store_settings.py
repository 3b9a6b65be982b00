"""Where blobs are kept: ORRIS_ARTIFACTS_STORE, and ORRIS_ARTIFACTS_S3_… when that is a bucket."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from orris_artifacts.store.s3.options import Keys, S3Options, parse_endpoint, parse_store
from orris_kit.config import ServiceSettings

_PREFIX = "ORRIS_ARTIFACTS_S3_"


class StoreSettings(ServiceSettings):
    """`store` is the path of a folder, or s3://BUCKET/PREFIX.

    s3_endpoint: where the object storage is, as http(s)://host:port.
    s3_public_endpoint: where clients reach it, if that is somewhere else.
    s3_access_key, s3_secret_key, s3_session_token: credentials; nothing is assumed.
    s3_credentials_file: an AWS credentials file with those of the profile `default`, read again when it changes.
    s3_ca_file: certificates to trust instead of the usual ones; SSL_CERT_FILE does the same.
    s3_presign: whether clients may be told how to reach the storage directly, and for how many seconds.
    spool: a folder on a disk for what is on its way to or from a bucket, up to 16 MiB a stream.
    """

    store: str = ""
    spool: Path | None = None
    s3_endpoint: str = ""
    s3_public_endpoint: str = ""
    s3_region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,63}$")
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")
    s3_session_token: SecretStr = SecretStr("")
    s3_credentials_file: Path | None = None
    s3_ca_file: Path | None = Field(default=None, validation_alias=AliasChoices(f"{_PREFIX}CA_FILE", "SSL_CERT_FILE"))
    s3_presign: bool = True
    # An object's row must be written within an hour of its key being made.
    s3_presign_seconds: int = Field(default=3600, ge=60, le=3600)

    @field_validator("store")
    @classmethod
    def _is_supported(cls, store: str) -> str:
        if store.startswith("s3:"):
            parse_store(store)
        elif re.match(r"\w+:", store):
            scheme = store.partition(":")[0]
            raise ValueError(f"{scheme}: is not supported as a store; give the path of a folder, or s3://BUCKET/PREFIX")
        return store

    @field_validator("s3_endpoint", "s3_public_endpoint")
    @classmethod
    def _is_endpoint(cls, url: str) -> str:
        return parse_endpoint(url) if url else ""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if not self.store.startswith("s3:"):
            return self
        if missing := self._missing():
            names = ", ".join(f"{_PREFIX}{name}" for name in missing)
            raise ValueError(f"the store {self.store} needs {names}; {_PREFIX}CREDENTIALS_FILE may stand for the keys")
        if self.s3_credentials_file and any(self._keys()):
            raise ValueError(f"set either {_PREFIX}CREDENTIALS_FILE or the keys and the token it holds, not both")
        return self

    @property
    def store_path(self) -> Path:
        """The folder that holds the blobs: as set, else in the home."""
        return Path(self.store).expanduser() if self.store else self.home / "artifacts" / "blobs"

    @property
    def s3(self) -> S3Options | None:
        """The bucket that holds the blobs; None when a folder does."""
        if not self.store.startswith("s3:"):
            return None
        bucket, prefix = parse_store(self.store)
        access_key, secret_key, session_token = self._keys()
        keys = Keys(access_key, secret_key, session_token or None)
        return S3Options(
            endpoint=self.s3_endpoint,
            public_endpoint=self.s3_public_endpoint or self.s3_endpoint,
            bucket=bucket,
            prefix=prefix,
            region=self.s3_region,
            credentials=self.s3_credentials_file.expanduser() if self.s3_credentials_file else keys,
            ca_file=self.s3_ca_file,
            spool=self.spool.expanduser() if self.spool else self.home / "artifacts" / "spool",
            presign_time=timedelta(seconds=self.s3_presign_seconds) if self.s3_presign else None,
        )

    def _keys(self) -> tuple[str, str, str]:
        secrets = (self.s3_access_key, self.s3_secret_key, self.s3_session_token)
        # What is read from a file for the environment often ends in a new line.
        access_key, secret_key, session_token = (each.get_secret_value().strip() for each in secrets)
        return access_key, secret_key, session_token

    def _missing(self) -> list[str]:
        access_key, secret_key, _ = map(bool, self._keys())
        by_file = self.s3_credentials_file is not None
        given = {
            "ENDPOINT": bool(self.s3_endpoint),
            "ACCESS_KEY": access_key or by_file,
            "SECRET_KEY": secret_key or by_file,
        }
        return [name for name, there in given.items() if not there]
