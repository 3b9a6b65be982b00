"""What the models service needs of its neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class File:
    """A file of a tree. `content` is what the neighbour keeps it by, passed back as it came."""

    path: str
    size: int
    content: Any


@dataclass(frozen=True)
class Run:
    """What is known of a run. `succeeded` and `failure` hold once it is finished."""

    name: str
    experiment: str
    running: bool
    finished: bool
    succeeded: bool
    failure: str
    outputs: str
    snapshot: str
    script: str
    image: str
    left_behind: tuple[str, ...]


@dataclass(frozen=True)
class RunOrder:
    """A conversion's run to create."""

    workspace: str
    request_id: str
    image: str
    snapshot: str
    script: str
    display_name: str
    time_limit_seconds: float
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Built:
    """How a build ended: with an image, or with the builder's reason."""

    image: str
    error: str


class Artifacts(Protocol):
    """Trees and blobs. Trees are resource names."""

    async def files(self, tree: str, path: str = "", limit: int | None = None) -> list[File]:
        """Return the files of a tree at or below a path, in order, at most `limit`."""
        ...

    async def create_tree(self, workspace: str, files: Mapping[str, File]) -> str:
        """Compose a tree of existing files under new paths; return its name."""
        ...

    async def upload(self, workspace: str, contents: Mapping[str, bytes]) -> dict[str, File]:
        """Store small files; return them by path."""
        ...

    async def read(self, workspace: str, file: File) -> bytes:
        """Return a small file's bytes."""
        ...

    async def set_reference(self, workspace: str, owner: str, trees: Sequence[str]) -> None:
        """Say what an owner needs."""
        ...

    async def delete_reference(self, workspace: str, owner: str) -> None:
        """Say that an owner needs nothing any more."""
        ...


class Images(Protocol):
    """Images and their packages."""

    async def set_reference(self, workspace: str, owner: str, images: Sequence[str]) -> None:
        """Say which images an owner needs. Raises FailedPrecondition (TARGET_MISSING)."""
        ...

    async def delete_reference(self, workspace: str, owner: str) -> None:
        """Say that an owner needs none any more."""
        ...

    async def package_version(self, image: str, package: str) -> str:
        """Return the version of a package in an image, empty where it is unknown. Raises NotFound."""
        ...

    async def begin_overlay(self, image: str, packages: Sequence[str]) -> str:
        """Ask for an image with more packages; return the name of the build that makes it, or has made it."""
        ...

    async def build_overlay(self, image: str, packages: Sequence[str], request_id: str) -> Built:
        """Make an image with more packages, and wait for it."""
        ...


class Runs(Protocol):
    """Runs."""

    async def get(self, run: str) -> Run:
        """Return a run. Raises NotFound (RUN_NOT_FOUND)."""
        ...

    async def create(self, order: RunOrder) -> Run:
        """Create a conversion's run; the same request id gives the same run."""
        ...

    async def change_of(self, run: str, seen_running: bool) -> Run:
        """Return a run as soon as it runs (unless that was seen) or is finished."""
        ...
