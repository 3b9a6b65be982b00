"""What the service keeps: environments, builds, images."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from orris_images.lock import Lock
from orris_images.spec import Spec


class State(IntEnum):
    """Where a build stands; the numbers are those of the contract and of the database."""

    QUEUED = 1
    RESOLVING = 2
    BUILDING = 3
    SUCCEEDED = 4
    FAILED = 5
    CANCELED = 6


UNFINISHED = (State.QUEUED, State.RESOLVING, State.BUILDING)


@dataclass(frozen=True)
class Environment:
    """A version of an environment. `message` is its specification as sent, None for a curated one.

    `image` is the id of the image that its specification has by now, else empty.
    """

    workspace: str
    environment: str
    version: str
    spec: Spec
    message: bytes | None = None
    image: str = ""
    create_time: datetime | None = None

    @property
    def curated(self) -> bool:
        """Tell whether it comes with Orris."""
        return self.message is None

    @property
    def target(self) -> str:
        """What a build of it is a build of."""
        return f"{self.environment}/versions/{self.version}"


@dataclass(frozen=True)
class Build:
    """The making of an image for a target: a version of an environment, or an overlay."""

    workspace: str
    build: str
    target: str
    spec: Spec
    refresh: bool
    state: State
    create_time: datetime
    image: str = ""
    cached: bool = False
    error: str = ""
    warnings: tuple[str, ...] = ()
    start_time: datetime | None = None
    end_time: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it: workspace and id."""
        return self.workspace, self.build

    @property
    def environment(self) -> str:
        """Resource name of the version built, empty for an overlay."""
        overlay = self.target == overlay_target(self.spec)
        return "" if overlay else f"workspaces/{self.workspace}/environments/{self.target}"

    @property
    def finished(self) -> bool:
        """Tell whether it is in a final state."""
        return self.state not in UNFINISHED


@dataclass(frozen=True)
class Image:
    """A lock made runnable. `size` is in bytes, 0 where unknown."""

    workspace: str
    image: str
    lock: Lock
    size: int
    create_time: datetime


def overlay_target(spec: Spec) -> str:
    """Return what a build of an overlay without an environment is a build of."""
    return f"overlay/{spec.digest}"
