"""What the service asks of a builder."""

import threading
from pathlib import Path
from typing import Protocol

from orris_images.lock import Lock
from orris_kit.process import Log


class Builder(Protocol):
    """Makes a lock runnable."""

    def is_ready(self, image_id: str) -> bool:
        """Tell whether the image is there, without asking any program."""
        ...

    def size(self, image_id: str) -> int:
        """Return the size in bytes of an image that is there. Raises OSError."""
        ...

    def build(self, lock: Lock, interpreter: Path, log: Log, cancel: threading.Event | None = None) -> str:
        """Make the image of `lock` unless it is there; return where it is. What is done goes to `log`.

        Raises FailedPrecondition when the lock cannot be installed, Unavailable when an index did not answer,
        DeadlineExceeded when it took too long, Cancelled when `cancel` was set.
        """
        ...
