"""What the service keeps: environments, builds, images."""

from __future__ import annotations

from collections.abc import Sequence
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
    PUSHING = 7


UNFINISHED = (State.QUEUED, State.RESOLVING, State.BUILDING, State.PUSHING)
_RESTORED = "image"
OVERLAY = "overlay/"
_ADDED = " + "


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
    """The making of an image for a target: a version of an environment, an overlay, or an image that is lost.

    `progress_percent` is an estimate from 0 to 100 that never goes back, `progress` what is being done, for people.
    """

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
    progress_percent: int = 0
    progress: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it: workspace and id."""
        return self.workspace, self.build

    @property
    def environment(self) -> str:
        """Resource name of the version built, empty for an overlay and for a lost image."""
        other = self.restored or self.target == overlay_target(self.spec)
        version, _, _ = self.target.partition(_ADDED)
        return "" if other else f"workspaces/{self.workspace}/environments/{version}"

    @property
    def added(self) -> str:
        """The packages that the environment gets besides, else empty."""
        return self.target.partition(_ADDED)[2]

    @property
    def restored(self) -> str:
        """The id of the image that it makes again from its lock, else empty."""
        kind, _, image = self.target.partition("/")
        return image if kind == _RESTORED and "/" not in image else ""

    @property
    def finished(self) -> bool:
        """Tell whether it is in a final state."""
        return self.state not in UNFINISHED


@dataclass(frozen=True)
class Image:
    """A lock made runnable. `size` is in bytes, 0 where unknown; `reference` is where its container image is.

    `environments` and `owners` (resource names) are who uses it. Since `collect_time` it is gone.
    """

    workspace: str
    image: str
    lock: Lock
    size: int
    create_time: datetime
    reference: str = ""
    use_time: datetime | None = None
    collect_time: datetime | None = None
    environments: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()

    @property
    def looked_after(self) -> bool:
        """Tell whether it is an interpreter of its user's, of which nothing is made."""
        return self.lock.interpreter is not None and self.lock.base_image is None and self.lock.dockerfile is None


def overlay_target(spec: Spec) -> str:
    """Return what a build of an overlay without an environment is a build of."""
    return f"{OVERLAY}{spec.digest}"


def added_target(target: str, packages: Sequence[str]) -> str:
    """Return what a build of an environment's version with more packages is a build of."""
    return target + _ADDED + ", ".join(packages)


def restore_target(image: str) -> str:
    """Return what a build that makes a lost image again is a build of."""
    return f"{_RESTORED}/{image}"
