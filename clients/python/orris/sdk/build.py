"""The making of an environment's image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from orris.images.v1 import images_pb2, images_service_pb2
from orris.names import BuildName
from orris.sdk.paging import pages
from orris.sdk.repeating import repeat
from orris.sdk.spelling import moment, spell
from orris.sdk.streams import LogChunk, read_log

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace

FINAL = frozenset({images_pb2.Build.STATE_SUCCEEDED, images_pb2.Build.STATE_FAILED, images_pb2.Build.STATE_CANCELED})


class Build:
    """A build as it was last seen; `refresh` asks the server."""

    def __init__(self, workspace: Workspace, message: images_pb2.Build) -> None:
        self.workspace = workspace
        self.message = message

    @classmethod
    def get(cls, workspace: Workspace, build_id: str) -> Build:
        """Return a build. Raises NotFound."""
        request = images_service_pb2.GetBuildRequest(name=str(BuildName(workspace.name, build_id)))
        return cls(workspace, workspace.connection.images.GetBuild(request).build)

    @classmethod
    def list(cls, workspace: Workspace) -> Iterator[Build]:
        """Yield the builds, newest first."""
        request = images_service_pb2.ListBuildsRequest(parent=workspace.resource_name)
        for message in pages(workspace.connection.images.ListBuilds, request, lambda page: page.builds):
            yield cls(workspace, message)

    @property
    def resource_name(self) -> str:
        return self.message.name

    @property
    def id(self) -> str:
        return BuildName.parse(self.message.name).build

    @property
    def status(self) -> str:
        """Where it stood when last seen.

        "Queued", "Resolving", "Building", "Pushing", "Succeeded", "Failed" or "Canceled".
        """
        return spell(images_pb2.Build.State.DESCRIPTOR, self.message.state)

    @property
    def finished(self) -> bool:
        """Whether it was in a final state when last seen."""
        return self.message.state in FINAL

    @property
    def image(self) -> str:
        """The image's resource name, once Succeeded."""
        return self.message.image

    @property
    def cached(self) -> bool:
        """Whether the image was there already."""
        return self.message.cached

    @property
    def environment(self) -> str:
        """Resource name of the version built; empty where an image is made otherwise."""
        return self.message.environment

    @property
    def progress_percent(self) -> int:
        """How much of it was done when last seen, 0 to 100: an estimate that never goes back."""
        return self.message.progress_percent

    @property
    def progress(self) -> str:
        """What was being done when last seen, for people."""
        return self.message.progress

    @property
    def error(self) -> str:
        """Why it failed, in the words of whoever refused."""
        return self.message.error

    @property
    def created(self) -> datetime | None:
        return moment(self.message.create_time)

    @property
    def seconds(self) -> float | None:
        """How long it took; None before its end."""
        begin, end = self.message.start_time, self.message.end_time
        known = self.message.HasField("start_time") and self.message.HasField("end_time")
        return max(0, end.ToNanoseconds() - begin.ToNanoseconds()) / 1e9 if known else None

    @property
    def warnings(self) -> Sequence[str]:
        return [*self.message.warnings]

    def refresh(self) -> Build:
        """Ask the server how the build stands now, and return it."""
        request = images_service_pb2.GetBuildRequest(name=self.resource_name)
        self.message = repeat(lambda: self.workspace.connection.images.GetBuild(request)).build
        return self

    def log(self, *, offset: int = 0, follow: bool = True) -> Iterator[bytes]:
        """Yield the log's bytes from `offset`; with `follow` to its end, over broken connections."""
        stub, name = self.workspace.connection.images, self.resource_name

        def open_at(position: int) -> Iterable[LogChunk]:
            return stub.ReadBuildLog(images_service_pb2.ReadBuildLogRequest(name=name, offset=position, follow=follow))

        return read_log(open_at, offset=offset, follow=follow)

    def cancel(self) -> None:
        """Cancel it. A finished one stays as it is."""
        request = images_service_pb2.CancelBuildRequest(name=self.resource_name)
        self.message = self.workspace.connection.images.CancelBuild(request).build

    def wait(self, show_output: bool = False) -> Build:
        """Wait until the image is there; with `show_output` print the log as it grows. Returns the build itself.

        Raises BuildFailed when it cannot be made, StillRunning on Ctrl-C: the build goes on.
        """
        from orris.sdk.build_following import wait

        return wait(self, show_output=show_output)

    def wait_for_completion(self, show_output: bool = True) -> Build:
        """Wait as `wait` does, under Azure's name and with its default."""
        return self.wait(show_output)

    def __repr__(self) -> str:
        return f"Build(id={self.id!r}, status={self.status!r})"
