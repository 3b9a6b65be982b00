"""One at a time, over threads and processes: a lock of the kernel's on a file beside what it guards."""

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orris.errors import Cancelled, DeadlineExceeded
from orris_kit.process import Log

_WAIT_SECONDS = 0.05


@contextmanager
def alone(folder: Path, log: Log, timeout: float, cancel: threading.Event | None) -> Iterator[int]:
    """Hold the lock of `folder`, kept in `.locks` beside it, waiting at most `timeout` seconds for it.

    Yields the descriptor that holds the lock: a program that inherits it holds the lock too, should this process die.

    The lock (flock) ends with its holders. Its file stays: removed, there could be two of it.

    Raises DeadlineExceeded when the wait was too long, Cancelled when `cancel` was set.
    """
    locks = folder.parent / ".locks"
    locks.mkdir(exist_ok=True)
    end = time.monotonic() + timeout
    with (locks / folder.name).open("w") as file:
        said = False
        while not _taken(file.fileno()):
            if not said:
                log(f"waiting: environment {folder.name} is being made by another")
                said = True
            if cancel is not None and cancel.is_set():
                raise Cancelled(f"environment {folder.name} is no longer waited for")
            if time.monotonic() > end:
                raise DeadlineExceeded(f"gave up waiting for environment {folder.name}, which another is making")
            time.sleep(_WAIT_SECONDS)
        yield file.fileno()


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
