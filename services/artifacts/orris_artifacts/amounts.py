"""How much there is, and how much of it is garbage."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass
from datetime import datetime
from operator import add


@dataclass(frozen=True, slots=True)
class Garbage:
    """Numbers of things collected; those of the blobs and objects also in bytes."""

    trees: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    objects: int = 0
    object_bytes: int = 0

    def __add__(self, other: Garbage) -> Garbage:
        return Garbage(*map(add, astuple(self), astuple(other)))

    def numbers(self) -> dict[str, int]:
        """Return the numbers by their names, for the log."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Storage:
    """What a workspace keeps: `file_bytes` counts each file of each tree, `blob_bytes` what is there once."""

    workspace: str
    trees: int
    files: int
    file_bytes: int
    blobs: int
    blob_bytes: int
    damaged_blobs: int
    owners: int
    collect_time: datetime | None
