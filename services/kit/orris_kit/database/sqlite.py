"""SQLite: one file, many readers, one writer at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from orris_kit.database.connections import KeptConnections
from orris_kit.database.statement import Statement
from orris_kit.database.traits import Traits

BUSY_SECONDS = 10
_WRITE = "orris_write"
_BEGIN_TO_READ, _BEGIN_TO_WRITE = Statement(sa.text("BEGIN")), Statement(sa.text("BEGIN IMMEDIATE"))


def make_engine(url: sa.URL) -> sa.Engine:
    """Return an engine on a file, made if need be."""
    if not url.database or url.database == ":memory:":
        raise ValueError("a database in memory is another one for each thread; give a file")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    # A waiting SQLite writer sleeps for milliseconds between two looks; a lock wakes it at once.
    traits = Traits(one_writer=threading.Lock())
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS},
        execution_options=traits.options,
        hide_parameters=True,
        max_overflow=-1,  # a connection costs little here: no thread waits for another's
    )
    traits.to_read, traits.to_write = KeptConnections(engine), KeptConnections(engine, {_WRITE: True})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, record: Any) -> None:
    # The driver would begin transactions by its own rules; `_begin` does it instead.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_SECONDS}000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITE)
    (_BEGIN_TO_WRITE if writes else _BEGIN_TO_READ).run(connection)
