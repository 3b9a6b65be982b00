"""Follow what an engine tells, without waiting for it any longer than somebody wants to know."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

from orris.errors import Cancelled

_POLL_SECONDS = 0.1
Told = dict[str, Any]


def followed(told: Iterable[Told], cancel: threading.Event | None) -> Iterator[Told]:
    """Yield what is told. Raises Cancelled when `cancel` is set, even where nothing is told for minutes.

    Then the connection is closed as soon as the engine says something more, which ends what it does for us.
    """
    queue: SimpleQueue[Told | BaseException | None] = SimpleQueue()
    given_up = threading.Event()

    def read() -> None:
        try:
            for each in told:
                if given_up.is_set():
                    return
                queue.put(each)
            queue.put(None)
        except BaseException as error:  # told to who waits
            queue.put(error)

    threading.Thread(target=read, name="engine-told", daemon=True).start()
    try:
        while (each := _next(queue, cancel)) is not None:
            if isinstance(each, BaseException):
                raise each
            yield each
    finally:
        given_up.set()


def _next(
    queue: SimpleQueue[Told | BaseException | None], cancel: threading.Event | None
) -> Told | BaseException | None:
    while True:
        if cancel is not None and cancel.is_set():
            raise Cancelled("the build was canceled")
        try:
            return queue.get(timeout=_POLL_SECONDS)
        except Empty:
            continue
