"""What a store of blobs must do. A blob is known by its workspace and its SHA-256, and is at most 16 MiB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from orris.errors import DataLoss, NotFound


class Store(Protocol):
    """Keeps blobs. All methods may be called from several threads at once.

    Workspaces and digests are valid (see `orris.names`) when they come here. A place that clients write to directly
    (presigned PUT) takes their bytes under another key until they are verified: only then does a blob exist.
    """

    def put(self, workspace: str, blobs: Mapping[str, bytes | bytearray]) -> None:
        """Store blobs whose digests were verified: each appears at once, and all are durable on return.

        Storing what is there already replaces it, which mends a damaged blob. Raises ResourceExhausted (STORE_FULL).
        """

    def read(self, workspace: str, digest: str) -> bytes:
        """Return a blob's bytes, verified. Raises NotFound (BLOB_NOT_FOUND), DataLoss (BLOB_DAMAGED)."""

    def sizes(self, workspace: str, digests: Iterable[str]) -> dict[str, int]:
        """Return the sizes in bytes of those blobs that are stored, and not known to be damaged."""

    def delete(self, workspace: str, digest: str) -> None:
        """Remove a blob. Removing what is not there is no error."""


def no_such_blob(digest: str) -> NotFound:
    """Return the error for a blob that is not stored."""
    return NotFound(
        f"blob {digest} is not stored; upload it first", reason="BLOB_NOT_FOUND", metadata={"digest": digest}
    )


def damaged_blob(digest: str) -> DataLoss:
    """Return the error for a blob whose bytes no longer match its digest."""
    message = f"blob {digest} is damaged in the store; upload the file again or restore the blob from a copy"
    return DataLoss(message, reason="BLOB_DAMAGED", metadata={"digest": digest})
