"""The keys that requests are signed with: as set, or those of a file that others renew."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider, StaticProvider

from orris.errors import FailedPrecondition
from orris_artifacts.store.s3.options import Keys


def provider_of(credentials: Keys | Path) -> Provider:
    """Return what gives the credentials to the SDK."""
    if isinstance(credentials, Path):
        return CredentialsFile(credentials)
    return StaticProvider(credentials.access_key, credentials.secret_key, credentials.session_token)


def keys_of(provider: Provider) -> Keys:
    """Return the keys of the moment. Raises FailedPrecondition (STORE_REFUSES)."""
    found = provider.retrieve()
    return Keys(found.access_key, found.secret_key, found.session_token)


class CredentialsFile(Provider):
    """The profile `default` of an AWS credentials file, read again whenever the file is another one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int, int], Credentials] | None = None

    def retrieve(self) -> Credentials:
        """Return the credentials. Raises FailedPrecondition (STORE_REFUSES)."""
        try:
            state = os.stat(self._path)
            version = (state.st_ino, state.st_size, state.st_mtime_ns)
            if self._read is None or self._read[0] != version:
                self._read = version, _credentials_in(self._path.read_text())
            return self._read[1]
        except (OSError, ValueError, KeyError, configparser.Error):
            message = (
                f"the credentials file {self._path} cannot be used; it must have aws_access_key_id and"
                " aws_secret_access_key in a section [default], and be readable by the service's user"
            )
            # The cause may quote the file.
            raise FailedPrecondition(message, reason="STORE_REFUSES") from None


def _credentials_in(text: str) -> Credentials:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    found = parser["default"]
    return Credentials(
        found["aws_access_key_id"], found["aws_secret_access_key"], found.get("aws_session_token") or None
    )
