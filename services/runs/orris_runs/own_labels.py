"""What a run's own program has changed of its tags and properties: undone where another attempt follows."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from orris_runs.schema import labels_before, properties, tags

_TABLES = {table.name: table for table in (tags, properties)}


@contextmanager
def undoable(connection: sa.Connection, run: Any, table: sa.Table, name: str) -> Iterator[None]:
    """Remember what a label was before the program of a run, given as its row, changes it; if that may be repeated.

    What is again as it was is forgotten: so no more is remembered than a run may have.
    """
    if not run.max_retries:
        yield
        return
    before = _value(connection, run.key, table, name)
    yield
    after = _value(connection, run.key, table, name)
    own = _of(run.key, table, [name])
    known = connection.execute(sa.select(labels_before.c.value).where(*own)).one_or_none()
    if known is not None and known.value == after:
        connection.execute(labels_before.delete().where(*own))
    elif known is None and before != after:
        new = {"run_key": run.key, "labels": table.name, "key": name, "value": before}
        connection.execute(labels_before.insert().values(new))


def keep(connection: sa.Connection, run: Any, table: sa.Table, names: Iterable[str]) -> None:
    """Let labels of a run, given as its row, that somebody else has set or removed stay so."""
    if run.max_retries:
        connection.execute(labels_before.delete().where(*_of(run.key, table, names)))


def undo(connection: sa.Connection, run: int) -> None:
    """Let a run (its key) have the labels that it would have if its program had changed none."""
    of_run = labels_before.c.run_key == run
    for label in connection.execute(sa.select(labels_before).where(of_run)).all():
        table = _TABLES[label.labels]
        connection.execute(table.delete().where(table.c.run_key == run, table.c.key == label.key))
        if label.value is not None:
            connection.execute(table.insert().values(run_key=run, key=label.key, value=label.value))
    connection.execute(labels_before.delete().where(of_run))


def _value(connection: sa.Connection, run: int, table: sa.Table, name: str) -> str | None:
    chosen = sa.select(table.c.value).where(table.c.run_key == run, table.c.key == name)
    return connection.execute(chosen).scalar_one_or_none()


def _of(run: int, table: sa.Table, names: Iterable[str]) -> tuple[sa.ColumnElement[bool], ...]:
    own = labels_before.c.run_key == run, labels_before.c.labels == table.name
    return *own, labels_before.c.key.in_(list(names))
