"""The source files of a run, as they were, for the run itself; and which files are sources, by its ignore file.

They go through its socket, piece by piece: nothing is written where a run that has started can write.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from orris import errors
from orris.names import RunName
from orris_agent.requests import RunRequest
from orris_agent.sources import sources_of
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking

LARGEST_PIECE = 4 * 1024 * 1024


class Snapshots:
    """Answers `list_snapshot`, `read_snapshot` and `select_sources`."""

    def __init__(self, storage_of: Callable[[str], Storage]) -> None:
        self._storage_of = storage_of

    async def list_snapshot(self, request: RunRequest) -> dict[str, Any]:
        """Return the snapshot's id, and the sizes of its files by their paths."""
        tree = _tree(request)
        return {"id": tree.rpartition("/")[2], "files": await self._storage(request).sizes(tree)}

    async def read_snapshot(self, request: RunRequest) -> dict[str, Any]:
        """Return bytes of the file at `path`, in base64, from `offset` on: the largest piece, or the rest."""
        path, offset = str(request.parameters["path"]), int(request.parameters["offset"])
        data = await self._storage(request).read(_tree(request), path, offset, LARGEST_PIECE)
        return {"data": base64.b64encode(data).decode("ascii")}

    async def select_sources(self, request: RunRequest) -> dict[str, Any]:
        """Return those of `names`, paths in a folder, that the patterns of its ignore file leave in its snapshot."""
        patterns, names = map(str, request.parameters["patterns"]), map(str, request.parameters["names"])
        return {"names": await run_blocking(sources_of, list(patterns), list(names))}

    def _storage(self, request: RunRequest) -> Storage:
        return self._storage_of(RunName.parse(request.lease.run.name).workspace)


def _tree(request: RunRequest) -> str:
    tree = request.lease.run.snapshot
    if not tree:
        raise errors.NotFound("the run has no snapshot", reason="SNAPSHOT_NOT_FOUND")
    return tree
