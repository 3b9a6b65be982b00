"""The making of an environment's image."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from orris.images.v1 import images_pb2, images_service_pb2
from orris.names import BuildName
from orris.sdk.failures import BuildFailed, StillRunning
from orris.sdk.spelling import spell
from orris.sdk.streams import LogChunk, read_log

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace

FINAL = frozenset({images_pb2.Build.STATE_SUCCEEDED, images_pb2.Build.STATE_FAILED, images_pb2.Build.STATE_CANCELED})
# Between the end of a build's log and its final state lies no more than a commit.
POLL_SECONDS = 0.1


class Build:
    """A build as it was last seen; `refresh` asks the server."""

    def __init__(self, workspace: Workspace, message: images_pb2.Build) -> None:
        self.workspace = workspace
        self.message = message

    @property
    def resource_name(self) -> str:
        return self.message.name

    @property
    def id(self) -> str:
        return BuildName.parse(self.message.name).build

    @property
    def status(self) -> str:
        """Where it stood when last seen: "Queued", "Resolving", "Building", "Succeeded", "Failed" or "Canceled"."""
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
    def error(self) -> str:
        return self.message.error

    @property
    def warnings(self) -> list[str]:
        return list(self.message.warnings)

    def refresh(self) -> Build:
        """Ask the server how the build stands now, and return it."""
        request = images_service_pb2.GetBuildRequest(name=self.resource_name)
        self.message = self.workspace.connection.images.GetBuild(request).build
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

    def wait_for_completion(self, show_output: bool = True) -> Build:
        """Wait until the image is there; with `show_output` print the log as it grows. Returns the build itself.

        Raises BuildFailed when it cannot be made, StillRunning on Ctrl-C: the build goes on.
        """
        try:
            for data in self.log():
                if show_output:
                    sys.stdout.write(data.decode(errors="replace"))
                    sys.stdout.flush()
            while not self.refresh().finished:
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            raise StillRunning(f"build {self.id} goes on") from None
        if self.message.state != images_pb2.Build.STATE_SUCCEEDED:
            raise BuildFailed(f"build {self.id}: {self.status}: {self.error or 'no reason is known'}")
        return self

    def __repr__(self) -> str:
        return f"Build(id={self.id!r}, status={self.status!r})"
