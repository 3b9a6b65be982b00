"""Which workspaces there are: this service is told of none, it sees whose things it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris.names import check_id
from orris_artifacts.schema import blobs, collections, references, trees
from orris_artifacts.store.port import Store
from orris_kit.database import read


def workspaces_with_things(engine: sa.Engine, store: Store) -> list[str]:
    """Return the workspaces that have rows or objects, sorted."""
    found = set(filter(_is_workspace, store.folders()))
    with read(engine) as connection:
        for table in (blobs, trees, references, collections):
            found.update(_distinct(connection, table.c.workspace))
    return sorted(found)


def collect_times(engine: sa.Engine) -> dict[str, datetime]:
    """Return when garbage was last collected, by workspace."""
    query = sa.select(collections.c.workspace, collections.c.collect_time)
    with read(engine) as connection:
        found = connection.execute(query.where(collections.c.collect_time.is_not(None)))
        return {row.workspace: row.collect_time for row in found}


def _distinct(connection: sa.Connection, column: sa.Column[str]) -> Iterator[str]:
    """Give a column's different values, each found by one look at its index: they are few, the rows many."""
    query = sa.select(sa.func.min(column))
    value = connection.scalar(query)
    while value is not None:
        yield value
        value = connection.scalar(query.where(column > value))


def _is_workspace(folder: str) -> bool:
    """Tell whether a folder of the store is a workspace's, not something of the store's own or of somebody else."""
    try:
        check_id("workspace", folder)
    except InvalidArgument:
        return False
    return True
