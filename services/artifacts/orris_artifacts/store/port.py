"""What a store must do: keep objects, which are bytes under a key, written once and never changed.

A store knows nothing of blobs. Which blob lies in which object, and that its bytes are right, is the business of
`orris_artifacts.index` and `orris_artifacts.blobs`. Keys are made by `orris_artifacts.object_keys`: each is used once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

Bytes = bytes | bytearray | memoryview


class ObjectLost(Exception):
    """An object is not there, is shorter than it should be, or cannot be read while others can."""


class StoredObject(NamedTuple):
    """An object of a listing; `size` in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request over HTTP that its holder may send without credentials; `url` is a secret until it expires."""

    url: str = field(repr=False)
    headers: Mapping[str, str]
    expiry: datetime


class Writer(Protocol):
    """Takes an object's bytes in pieces. Nothing is visible before `commit`."""

    def write(self, data: Bytes) -> None:
        """Take the next bytes."""

    def commit(self, digest: str | None = None) -> None:
        """Make the object visible and durable, with all bytes written; `digest` is their SHA-256, if it is known."""


class Content(Protocol):
    """An object's bytes, or a part of them. They stay what they are until `close`, whatever becomes of the object."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    @property
    def digest(self) -> str:
        """Their SHA-256. Raises ObjectLost."""

    def pieces(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Give `length` bytes from `offset` on, or all that follow, in pieces of at most 1 MiB. Raises ObjectLost."""

    def close(self) -> None:
        """Let go of what holds them."""


class Store(Protocol):
    """Keeps objects. All methods may be called from several threads at once.

    All of them may raise Unavailable (STORE_UNREACHABLE) after a bounded number of attempts, FailedPrecondition
    (STORE_REFUSES: credentials, permissions, clock; BUCKET_MISSING); those that write, ResourceExhausted (STORE_FULL).
    """

    @property
    def place(self) -> str:
        """Where it is, for messages and logs: no credentials."""

    def put(self, key: str, data: Bytes) -> None:
        """Store an object: it appears at once with all its bytes, and is durable on return."""

    def writer(self, key: str) -> AbstractContextManager[Writer]:
        """Begin an object of at most 16 MiB that comes in pieces; leaving the block without `commit` leaves nothing."""

    def read(self, key: str, offset: int = 0, size: int | None = None) -> bytes:
        """Return an object's bytes, or the `size` bytes from `offset` on. Raises ObjectLost."""

    def open(self, key: str, offset: int, size: int) -> Content:
        """Return the `size` bytes, at least one, from `offset` on as content, which is not in memory as a whole.

        Raises ObjectLost, ResourceExhausted (STORE_FULL: no room on the disk where it waits).
        """

    def size(self, key: str) -> int | None:
        """Return an object's size in bytes, None when there is none."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects. Removing what is not there is no error."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Give the objects whose keys begin with `prefix`, which ends in `/` or is empty, in any order."""

    def folders(self) -> Iterable[str]:
        """Return what stands before the first `/` of keys, each once; perhaps also of keys that are gone."""

    def tidy(self) -> None:
        """Remove what was begun more than an hour ago and never became an object: its process was killed."""

    def presign_put(self, key: str, digest: str, size: int) -> SignedRequest | None:
        """Return how to write an object past this service; None where the store may take other bytes."""

    def presign_get(self, key: str) -> SignedRequest | None:
        """Return how to read an object past this service; None where that is impossible."""

    def close(self) -> None:
        """End threads and connections."""
