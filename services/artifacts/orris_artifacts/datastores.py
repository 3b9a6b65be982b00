"""The rules of datastores: a name for a tree, exchanged for another only by who has seen it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from orris.errors import Conflict, NotFound
from orris.names import DatastoreName
from orris_artifacts import schema
from orris_artifacts.references import References
from orris_kit.database import read, take_turn, write

_table = schema.datastores
_WITH_TREE = sa.select(_table, schema.trees.c.file_count, schema.trees.c.total_size).join(
    schema.trees, (schema.trees.c.workspace == _table.c.workspace) & (schema.trees.c.digest == _table.c.tree)
)


@dataclass(frozen=True, slots=True)
class Datastore:
    """A datastore as it is: its tree by digest, with the number of its files and of their bytes."""

    workspace: str
    datastore: str
    tree: str
    create_time: datetime
    update_time: datetime
    file_count: int
    total_size: int


class Datastores:
    """The datastores in a database."""

    def __init__(self, engine: sa.Engine, references: References, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._references = references
        self._clock = clock

    def get(self, name: DatastoreName) -> Datastore:
        """Return a datastore. Raises NotFound (DATASTORE_NOT_FOUND)."""
        with read(self._engine) as connection:
            found = _select(connection, name)
        if found is None:
            message = f"workspace {name.workspace} has no datastore {name.datastore!r}; upload something to it first"
            raise NotFound(message, reason="DATASTORE_NOT_FOUND")
        return found

    def page(self, workspace: str, after: str, limit: int) -> tuple[list[Datastore], bool]:
        """Return datastores by name, those after `after`, and whether more follow."""
        query = _WITH_TREE.where(_table.c.workspace == workspace, _table.c.datastore > after)
        with read(self._engine) as connection:
            rows = connection.execute(query.order_by(_table.c.datastore).limit(limit + 1)).all()
        return [Datastore(**row._mapping) for row in rows[:limit]], len(rows) > limit

    def exchange(self, name: DatastoreName, tree: str, expected: str) -> Datastore:
        """Let a datastore have the files of a tree, if it has those of `expected` (empty: is not there) or has them.

        Raises Conflict (DATASTORE_CHANGED), FailedPrecondition (TARGET_MISSING).
        """
        now = self._clock()
        with write(self._engine) as connection:
            take_turn(connection, "datastore", name.workspace, name.datastore)
            current = _select(connection, name)
            if current and current.tree == tree:
                return current
            if (current.tree if current else "") != expected:
                message = f"somebody else has changed the datastore {name.datastore!r}; look at it again"
                raise Conflict(message, reason="DATASTORE_CHANGED")
            self._references.set_tree(connection, name.workspace, str(name), tree)
            if current:
                connection.execute(_table.update().where(*_is(name)).values(tree=tree, update_time=now))
            else:
                row = {"workspace": name.workspace, "datastore": name.datastore, "tree": tree}
                connection.execute(_table.insert().values(row | {"create_time": now, "update_time": now}))
            changed = _select(connection, name)
        assert changed is not None
        return changed

    def delete(self, name: DatastoreName) -> None:
        """Forget a datastore, if there is one."""
        with write(self._engine) as connection:
            take_turn(connection, "datastore", name.workspace, name.datastore)
            connection.execute(_table.delete().where(*_is(name)))
            self._references.drop(connection, name.workspace, str(name))


def _select(connection: sa.Connection, name: DatastoreName) -> Datastore | None:
    row = connection.execute(_WITH_TREE.where(*_is(name))).one_or_none()
    return Datastore(**row._mapping) if row else None


def _is(name: DatastoreName) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return _table.c.workspace == name.workspace, _table.c.datastore == name.datastore
