"""What the service asks of whoever has the files that Dockerfiles use."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Contexts(Protocol):
    """The trees of files that COPY and ADD may use."""

    def keep(self, owner: str, tree: str) -> None:
        """Keep a tree (its resource name) for `owner`. Raises NotFound where it is not stored, Unavailable."""
        ...

    def release(self, owner: str, tree: str) -> None:
        """Keep a tree (its resource name) no longer for `owner`. Raises Unavailable."""
        ...

    def fetch(self, tree: str, folder: Path) -> None:
        """Put the files of a tree (its resource name) into `folder`. Raises NotFound, Unavailable, DataLoss."""
        ...
