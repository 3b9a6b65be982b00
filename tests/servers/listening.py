"""What a database is asked, heard at its driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event


@contextmanager
def heard(engine: sa.Engine) -> Iterator[list[str]]:
    """Collect the statements that are executed."""
    statements: list[str] = []

    def listen(connection: Any, *_: object) -> None:
        if engine.dialect.name == "sqlite":
            connection.set_trace_callback(statements.append)
        else:
            connection.cursor_factory = _listening(statements)

    with _at_checkout(engine, listen):
        yield statements


@contextmanager
def steps_of(engine: sa.Engine) -> Iterator[list[int]]:
    """Count the steps of SQLite's machine, in hundreds: that is no duration."""
    counted = [0]

    def step() -> int:
        counted[0] += 1
        return 0

    with _at_checkout(engine, lambda connection, *_: connection.set_progress_handler(step, 100)):
        yield counted


@contextmanager
def _at_checkout(engine: sa.Engine, listen: Any) -> Iterator[None]:
    event.listen(engine, "checkout", listen)
    try:
        yield
    finally:
        event.remove(engine, "checkout", listen)


def _listening(statements: list[str]) -> Any:
    import psycopg  # where there is a server

    class Listening(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **options: Any) -> Any:
            statements.append(str(query))
            return super().execute(query, *args, **options)

    return Listening
