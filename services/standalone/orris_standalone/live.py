"""The live status of `orris up` in the foreground: where it listens, then one line that says what it does."""

from __future__ import annotations

import sys
import threading
from typing import Self

from orris_standalone.instance import Instance

_SECONDS = 1.0


class LiveStatus:
    """Prints how to reach the instance once it is up, and on a terminal keeps a line about its runs and endpoints."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def ready(self, here: Instance) -> None:
        """Say that the instance is up."""
        print(f"Orris {here.version} is up: gRPC {here.address}, HTTP {here.http_address}", flush=True)
        print("Ctrl-C stops it and what it runs.", flush=True)
        if sys.stdout.isatty():
            self._thread = threading.Thread(target=self._follow, args=(here,), name="live-status", daemon=True)
            self._thread.start()

    def _follow(self, here: Instance) -> None:
        from rich.console import Console

        with Console().status("starting") as line:
            while not self._stop.wait(_SECONDS):
                line.update(_summary(here))


def _summary(here: Instance) -> str:
    from orris.errors import OrrisError
    from orris.sdk.connection import Connection
    from orris_standalone.summary import summarise

    try:
        return str(summarise(Connection.find(here.address)))
    except OrrisError as problem:
        return problem.message
