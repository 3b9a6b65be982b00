"""The log of a deployment, printed while somebody waits for it."""

from __future__ import annotations

import codecs
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orris.errors import OrrisError
from orris.sdk.endpoint import Endpoint

# The log of an endpoint ends when the endpoint is deleted: it is asked for again, as often as an eye can follow.
POLL_SECONDS = 0.3


@contextmanager
def following(endpoint: Endpoint) -> Iterator[None]:
    """Print the endpoint's log as it grows while the block lasts, to what is there at its end."""
    over = threading.Event()
    printer = _Printer(endpoint)
    thread = threading.Thread(target=printer.follow, args=(over,), name="deployment-log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        printer.more()


class _Printer:
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def follow(self, over: threading.Event) -> None:
        while not over.wait(POLL_SECONDS):
            self.more()

    def more(self) -> None:
        """Print what came since last time. A log that cannot be read now is tried again: waiting goes on without it."""
        try:
            # The library's own method: the facade's raises Azure's exceptions.
            for data in Endpoint.follow_log(self._endpoint, offset=self._offset, follow=False):
                self._offset += len(data)
                sys.stdout.write(self._decoder.decode(data))
                sys.stdout.flush()
        except OrrisError:
            return
