"""What the service asks of a builder."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orris_images.lock import Lock
from orris_kit.process import Log


class Progress(Protocol):
    """Is told how much is done, from 0 to 100, and what is being done, for people."""

    def __call__(self, percent: int, doing: str, *, pushing: bool = False) -> None:
        """Take note; `pushing` once all packages are in place and the image is on its way."""
        ...


@dataclass(frozen=True)
class Made:
    """An image that was made: the reference to pull it by, empty where it is no container image; its size in bytes."""

    reference: str = ""
    size: int = 0


class Builder(Protocol):
    """Makes a lock runnable; `containers` says whether as a container image."""

    @property
    def containers(self) -> bool: ...

    def is_ready(self, image_id: str, reference: str) -> bool:
        """Tell whether an image made before is there, without asking any program or server."""
        ...

    def is_there(self, image_id: str, reference: str) -> bool:
        """Look for an image where it is kept. Raises Unavailable when that cannot be told now."""
        ...

    def build(
        self, lock: Lock, interpreter: Path, log: Log, progress: Progress, cancel: threading.Event | None = None
    ) -> Made:
        """Make the image of `lock` unless it is there. What is done goes to `log`.

        Raises FailedPrecondition when the lock cannot be installed, Unavailable when an index, the engine or the
        registry did not answer, ResourceExhausted (DISK_FULL) or the system's own error when a disk is full,
        DeadlineExceeded when it took too long, Cancelled when `cancel` was set.
        """
        ...

    def delete(self, image_id: str, reference: str) -> None:
        """Remove an image; one that is not there is no error. Raises Unavailable when that cannot be done now."""
        ...
