"""Trees that the service has said a moment ago to be there: who believes that need not ask again.

What it has told somebody of, it keeps for at least five minutes (see its `garbage.py`). But it may have been put back
to what it was before, or another may answer at its address: who believes hears of it by the next call, and asks then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orris.artifacts.v1 import artifacts_pb2 as pb

SECONDS = 60.0
MOST = 100


class RecentTrees:
    """What one service has told of its trees."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, tuple[float, pb.Tree]] = {}

    def __len__(self) -> int:
        return len(self._told)

    def keep(self, tree: pb.Tree) -> None:
        """Note what the service has just said."""
        self._told.pop(tree.name, None)
        self._told[tree.name] = self._clock(), tree
        for name in list(self._told)[:-MOST]:
            self._told.pop(name, None)

    def find(self, name: str) -> pb.Tree | None:
        """Return a tree by its resource name, if it was told of within a minute."""
        told, tree = self._told.get(name, (0.0, None))
        return tree if tree and self._clock() - told < SECONDS else None
