"""The rules of datasets: versions whose files never change, numbers that only grow, and files that stay as long."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orris.errors import AlreadyExists, NotFound
from orris.names import DatasetVersionName
from orris_artifacts import schema
from orris_artifacts.data_checks import check_labels
from orris_artifacts.references import References
from orris_kit.database import insert_new, read, write

CREATE = "CreateDatasetVersion"
_table = schema.dataset_versions
_WITH_TREE = sa.select(_table, schema.trees.c.file_count, schema.trees.c.total_size).join(
    schema.trees, (schema.trees.c.workspace == _table.c.workspace) & (schema.trees.c.digest == _table.c.tree)
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A version to be registered: files of a tree (its digest), how they are read, and an id that says both."""

    tree: str
    id: str
    table_definition: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created_by: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who asks for a version of what, to recognise a retry. `payload` is the request as bytes."""

    workspace: str
    dataset: str
    request_id: str = ""
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it is, with the number of its files and of their bytes."""

    workspace: str
    dataset: str
    number: int
    id: str
    tree: str
    table_definition: str
    description: str
    tags: Mapping[str, str]
    create_time: datetime
    created_by: str
    run: str
    file_count: int
    total_size: int

    @property
    def name(self) -> str:
        """The resource name."""
        return str(DatasetVersionName(self.workspace, self.dataset, str(self.number)))


class Datasets:
    """The versions in a database."""

    def __init__(self, engine: sa.Engine, references: References, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._references = references
        self._clock = clock

    def create(self, claim: Claim, draft: Draft, *, only_first: bool = False) -> Version:
        """Register a version, or return the latest if it is the same; or what the same request made before.

        Raises FailedPrecondition (TARGET_MISSING), AlreadyExists (DATASET_EXISTS), InvalidArgument.
        """
        check_labels(draft.description, draft.tags)
        requested = (CREATE, f"workspaces/{claim.workspace}", claim.request_id, claim.payload)
        with write(self._engine) as connection:
            if (made := schema.requests.recall(connection, *requested)) is not None:
                return _of_number(connection, claim.workspace, claim.dataset, int(made))
            number = self._next_number(connection, claim)
            latest = _latest(connection, claim.workspace, claim.dataset)
            if latest and latest.id == draft.id:
                version = self._relabelled(connection, latest, draft)
            elif latest and only_first:
                message = f"the dataset {claim.dataset!r} has version {latest.number} with other content;"
                raise AlreadyExists(f"{message} register it as a new version", reason="DATASET_EXISTS")
            else:
                version = self._insert(connection, claim, number, draft)
            schema.requests.remember(connection, *requested, str(version.number))
        return version

    def get(self, workspace: str, dataset: str, number: int | None = None) -> Version:
        """Return a version, the latest where no number is given. Raises NotFound (DATASET_NOT_FOUND)."""
        with read(self._engine) as connection:
            if number is not None:
                return _of_number(connection, workspace, dataset, number)
            if (latest := _latest(connection, workspace, dataset)) is None:
                raise _not_found(connection, workspace, dataset, None)
            return latest

    def versions(self, workspace: str, dataset: str, before: int | None, limit: int) -> tuple[list[Version], bool]:
        """Return the versions of a dataset, newest first, those before a number, and whether more follow."""
        query = _WITH_TREE.where(_table.c.workspace == workspace, _table.c.dataset == dataset)
        query = query if before is None else query.where(_table.c.number < before)
        return self._page(query.order_by(_table.c.number.desc()), limit)

    def latest(self, workspace: str, after: str, limit: int) -> tuple[list[Version], bool]:
        """Return the latest version of each dataset by name, those after a name, and whether more follow."""
        others = _table.alias()
        newer = sa.exists().where(
            others.c.workspace == _table.c.workspace,
            others.c.dataset == _table.c.dataset,
            others.c.number > _table.c.number,
        )
        query = _WITH_TREE.where(_table.c.workspace == workspace, _table.c.dataset > after, ~newer)
        return self._page(query.order_by(_table.c.dataset), limit)

    def with_id(self, workspace: str, wanted: str, after: tuple[str, int], limit: int) -> tuple[list[Version], bool]:
        """Return all versions with an id, in the order of names and numbers, and whether more follow."""
        key = sa.tuple_(_table.c.dataset, _table.c.number)
        query = _WITH_TREE.where(_table.c.workspace == workspace, _table.c.id == wanted, key > after)
        return self._page(query.order_by(_table.c.dataset, _table.c.number), limit)

    def update(
        self,
        workspace: str,
        dataset: str,
        number: int,
        *,
        description: str | None,
        set_tags: Mapping[str, str],
        remove_tags: Sequence[str],
    ) -> Version:
        """Change description and tags. Raises NotFound, InvalidArgument (INVALID_DATASET)."""
        with write(self._engine) as connection:
            version = _of_number(connection, workspace, dataset, number, lock=True)
            tags = {key: value for key, value in version.tags.items() if key not in set(remove_tags)}
            described = version.description if description is None else description
            return self._label(connection, version, described, {**tags, **set_tags})

    def delete(self, workspace: str, dataset: str, number: int) -> None:
        """Forget a version; its files are kept by who else needs them. Raises NotFound (DATASET_NOT_FOUND)."""
        with write(self._engine) as connection:
            version = _of_number(connection, workspace, dataset, number, lock=True)
            connection.execute(_table.delete().where(*_is(workspace, dataset, number)))
            self._references.drop(connection, workspace, version.name)

    def _next_number(self, connection: sa.Connection, claim: Claim) -> int:
        """Return the number that a new version gets; others who register the same dataset wait until this commits."""
        table, its = schema.datasets, {"workspace": claim.workspace, "dataset": claim.dataset}
        insert_new(connection, table, [{**its, "last_number": 0}])
        key = (table.c.workspace == claim.workspace, table.c.dataset == claim.dataset)
        return int(connection.execute(sa.select(table.c.last_number).where(*key).with_for_update()).scalar_one()) + 1

    def _insert(self, connection: sa.Connection, claim: Claim, number: int, draft: Draft) -> Version:
        table = schema.datasets
        key = (table.c.workspace == claim.workspace, table.c.dataset == claim.dataset)
        connection.execute(table.update().where(*key).values(last_number=number))
        name = DatasetVersionName(claim.workspace, claim.dataset, str(number))
        self._references.set_tree(connection, claim.workspace, str(name), draft.tree)
        row = {
            "workspace": claim.workspace,
            "dataset": claim.dataset,
            "number": number,
            "id": draft.id,
            "tree": draft.tree,
            "table_definition": draft.table_definition,
            "description": draft.description,
            "tags": dict(draft.tags),
            "create_time": self._clock(),
            "created_by": draft.created_by,
            "run": draft.run,
        }
        connection.execute(_table.insert().values(row))
        return _of_number(connection, claim.workspace, claim.dataset, number)

    def _relabelled(self, connection: sa.Connection, version: Version, draft: Draft) -> Version:
        tags = {**version.tags, **draft.tags}
        return self._label(connection, version, draft.description or version.description, tags)

    def _label(self, connection: sa.Connection, version: Version, description: str, tags: Mapping[str, str]) -> Version:
        check_labels(description, tags)
        mine = _is(version.workspace, version.dataset, version.number)
        connection.execute(_table.update().where(*mine).values(description=description, tags=dict(tags)))
        return replace(version, description=description, tags=tags)

    def _page(self, query: sa.Select[Any], limit: int) -> tuple[list[Version], bool]:
        with read(self._engine) as connection:
            rows = connection.execute(query.limit(limit + 1)).all()
        return [Version(**row._mapping) for row in rows[:limit]], len(rows) > limit


def _latest(connection: sa.Connection, workspace: str, dataset: str) -> Version | None:
    query = _WITH_TREE.where(_table.c.workspace == workspace, _table.c.dataset == dataset)
    row = connection.execute(query.order_by(_table.c.number.desc()).limit(1)).one_or_none()
    return Version(**row._mapping) if row else None


def _of_number(connection: sa.Connection, workspace: str, dataset: str, number: int, *, lock: bool = False) -> Version:
    query = _WITH_TREE.where(*_is(workspace, dataset, number))
    row = connection.execute(query.with_for_update(of=_table) if lock else query).one_or_none()
    if row is None:
        raise _not_found(connection, workspace, dataset, number)
    return Version(**row._mapping)


def _is(workspace: str, dataset: str, number: int) -> tuple[sa.ColumnElement[bool], ...]:
    return _table.c.workspace == workspace, _table.c.dataset == dataset, _table.c.number == number


def _not_found(connection: sa.Connection, workspace: str, dataset: str, number: int | None) -> NotFound:
    mine = sa.select(_table.c.number).where(_table.c.workspace == workspace, _table.c.dataset == dataset)
    numbers = connection.scalars(mine.order_by(_table.c.number.desc()).limit(10)).all()
    if numbers:
        has = ", ".join(map(str, numbers))
        return NotFound(f"dataset {dataset!r} has no version {number}; it has {has}", reason="DATASET_NOT_FOUND")
    named = sa.select(_table.c.dataset).where(_table.c.workspace == workspace).distinct().limit(10_000)
    close = difflib.get_close_matches(dataset, connection.scalars(named).all(), n=5, cutoff=0.5)
    hint = f"similar names: {', '.join(close)}" if close else "register it first, or list the datasets"
    return NotFound(f"no dataset {dataset!r} in workspace {workspace!r}; {hint}", reason="DATASET_NOT_FOUND")
