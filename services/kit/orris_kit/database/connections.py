"""Connections for transactions, each by some execution options."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

MOST_KEPT = 5  # each has up to 2 MB of pages in memory


class Connections:
    """From the engine's pool, which looks after them whenever they come and go."""

    def __init__(self, options: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._options = options

    @contextmanager
    def one(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        """Give a connection that nobody else has until the end of the block."""
        with engine.connect().execution_options(**self._options) as connection:
            yield connection


class KeptConnections(Connections):
    """Kept open, and as they are: where a file is the database, what a pool does costs several times a small read."""

    def __init__(self, engine: sa.Engine, options: Mapping[str, Any] = MappingProxyType({})) -> None:
        super().__init__(options)
        self._idle: deque[sa.Connection] = deque()
        event.listen(engine, "engine_disposed", self._close)

    @contextmanager
    def one(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        """Give one that was used before if there is one; none that something went wrong with."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = engine.connect().execution_options(**self._options)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if len(self._idle) < MOST_KEPT:
            self._idle.append(connection)
        else:
            connection.close()

    def _close(self, engine: sa.Engine) -> None:
        while self._idle:
            connection = self._idle.pop()
            connection.detach()
            connection.close()
