"""What a workspace keeps, and getting rid of what nobody needs any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.errors import InvalidArgument, Unavailable
from orris.names import StorageName
from orris.sdk.repeating import repeat
from orris.sdk.spelling import moment

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace


@dataclass(frozen=True)
class Storage:
    """What a workspace keeps. `file_bytes` counts each file of each tree, `blob_bytes` what is there once."""

    trees: int
    files: int
    file_bytes: int
    blobs: int
    blob_bytes: int
    damaged_blobs: int
    owners: int
    collected: datetime | None

    @property
    def deduplication(self) -> float | None:
        """How many times more bytes the files have than are kept; None where nothing is kept."""
        return self.file_bytes / self.blob_bytes if self.blob_bytes else None


@dataclass(frozen=True)
class Garbage:
    """What was collected: trees, blobs, and objects of the store; `blob_bytes` and `object_bytes` are theirs."""

    trees: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    objects: int = 0
    object_bytes: int = 0


def storage_of(workspace: Workspace) -> Storage:
    """Return what a workspace keeps."""
    request = rpc.GetStorageRequest(name=str(StorageName(workspace.name)))
    found = repeat(lambda: workspace.connection.artifacts.GetStorage(request)).storage
    return Storage(
        trees=found.tree_count,
        files=found.file_count,
        file_bytes=found.file_bytes,
        blobs=found.blob_count,
        blob_bytes=found.blob_bytes,
        damaged_blobs=found.damaged_blob_count,
        owners=found.owner_count,
        collected=moment(found.collect_time),
    )


def collect_garbage(
    workspace: Workspace,
    grace: timedelta | None = None,
    *,
    dry_run: bool = False,
    progress: Callable[[Garbage], None] = lambda garbage: None,
) -> Garbage:
    """Collect what nobody refers to and nobody has used for `grace`, by default as the service is set.

    `progress` is called with what was found until now. A dry run only tells; it counts no objects. Raises
    InvalidArgument (GRACE_TOO_SHORT), Conflict (COLLECTING_ALREADY), Unavailable when the service stops in between.
    """
    request = rpc.CollectGarbageRequest(parent=workspace.resource_name, grace=_duration(grace), dry_run=dry_run)
    for answer in workspace.connection.artifacts.CollectGarbage(request):
        found = _garbage(answer.garbage)
        if answer.done:
            return found
        progress(found)
    raise Unavailable("the service stopped collecting; what is left is collected the next time")


def _duration(grace: timedelta | None) -> Duration | None:
    if grace is None:
        return None
    if grace < timedelta(0):
        raise InvalidArgument("grace: must not be negative", field="grace", reason="GRACE_TOO_SHORT")
    duration = Duration()
    duration.FromTimedelta(grace)
    return duration


def _garbage(message: pb.Garbage) -> Garbage:
    return Garbage(
        trees=message.tree_count,
        blobs=message.blob_count,
        blob_bytes=message.blob_bytes,
        objects=message.object_count,
        object_bytes=message.object_bytes,
    )
