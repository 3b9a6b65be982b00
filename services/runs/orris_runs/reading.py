"""Reading runs: one by name, or in pages, newest first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from orris.errors import NotFound
from orris.names import RunName
from orris_kit.database import Statement
from orris_kit.paging import after_key, page_token
from orris_kit.text import check_text
from orris_runs import limits
from orris_runs.experiments import Experiments
from orris_runs.lineage import has_to_do_with
from orris_runs.model import USERS_KINDS, Kind, Run
from orris_runs.queue import Queue
from orris_runs.rows import find_run, to_runs
from orris_runs.schema import IS_CHILD, properties, runs, tags
from orris_runs.states import State
from orris_runs.store import Store
from orris_runs.workspaces import Workspaces


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs are wanted. An empty value of a tag or property means any."""

    workspace: str
    experiment: str = ""
    states: Sequence[State] = ()
    kinds: Sequence[Kind] = USERS_KINDS
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    parent_run: str = ""
    archived: Sequence[bool] = (False,)
    roots_only: bool = False
    dataset: str = ""

    def fingerprint(self) -> dict[str, object]:
        """Return what tells its page tokens from those of other queries."""
        return {
            "list": "runs",
            "parent": [self.workspace, self.experiment],
            "states": sorted(self.states),
            "kinds": sorted(self.kinds),
            "tags": dict(self.tags),
            "properties": dict(self.properties),
            "parent_run": self.parent_run,
            "archived": sorted(self.archived),
            "roots_only": self.roots_only,
            "dataset": self.dataset,
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list. A message holds 4 MiB: the caller may use fewer of the items, and goes on after them."""

    items: Sequence[Any]
    more: bool
    token_of: Callable[[Any], str]

    def token_after(self, count: int) -> str:
        """Return the token of the page after the first `count` items; empty when that is the end."""
        if count < len(self.items) or self.more:
            return self.token_of(self.items[count - 1])
        return ""


class Reading:
    """The runs as they stand."""

    def __init__(self, store: Store, workspaces: Workspaces, experiments: Experiments, queue: Queue) -> None:
        self._store = store
        self._workspaces = workspaces
        self._experiments = experiments
        self._queue = queue

    def get(self, workspace: str, run: str) -> Run:
        """Return a run. Raises NotFound (RUN_NOT_FOUND)."""
        with self._store.look() as connection:
            return self.load(connection, workspace, run)

    def load(self, connection: sa.Connection, workspace: str, run: str) -> Run:
        """Return a run, as a transaction sees it."""
        return self.of_row(connection, self.require_row(connection, workspace, run))

    def of_row(self, connection: sa.Connection, row: Any) -> Run:
        """Return the run of a row, as the transaction sees it."""
        return self._queue.explain(connection, to_runs(connection, [row]))[0]

    def require_row(self, connection: sa.Connection, workspace: str, run: str, *, lock: bool = False) -> Any:
        """Return a run's row, locked if it is to be changed. Raises NotFound (RUN_NOT_FOUND)."""
        row = find_run(connection, workspace, run, lock=lock)
        if row is None:
            raise _not_found(workspace, run)
        return row

    def is_below(self, name: RunName, above: str) -> bool:
        """Tell whether a run is a child of another one of its workspace, or a child of such a child, and so on."""
        with self._store.look() as connection:
            return above in self._above(connection, name)

    def depth(self, name: RunName) -> int:
        """Return how many runs are above a run; no more are counted than `limits.GENERATIONS`."""
        with self._store.look() as connection:
            return len(list(self._above(connection, name)))

    def _above(self, connection: sa.Connection, name: RunName) -> Iterator[str]:
        for _ in range(limits.GENERATIONS):
            parent = _PARENT.value(connection, {"of": name.workspace, "named": name.run})
            if not parent:
                return
            name = RunName.parse(parent)
            yield name.run

    def page(self, query: RunQuery, size: int, token: str) -> Page:
        """Return a page of runs, newest first. Raises NotFound where the parent does not exist."""
        for where, labels in (("tags", query.tags), ("properties", query.properties)):
            for key, value in labels.items():
                check_text(where, key, limits.LABEL_KEY)
                check_text(where, value, limits.LABEL_VALUE)
        fingerprint = query.fingerprint()
        after = after_key(token, fingerprint, int)
        chosen = self._chosen(query, after[0] if after else None, size + 1)
        with self._store.look() as connection:
            self._check_parent(connection, query)
            rows = connection.execute(chosen).all()
            found = self._queue.explain(connection, to_runs(connection, rows[:size]))
        return Page(found, len(rows) > size, lambda run: page_token((run.key,), fingerprint))

    def _check_parent(self, connection: sa.Connection, query: RunQuery) -> None:
        self._workspaces.check_exists(connection, query.workspace)
        if query.experiment:
            self._experiments.check_exists(connection, query.workspace, query.experiment)

    def _chosen(self, query: RunQuery, before: Any, most: int) -> sa.Select[Any]:
        """Return the newest runs of each kind, archived and not, and the newest of these.

        An index has the runs of one kind, archived or not, in order; those of several it does not.
        """
        conditions = self._conditions(query)
        if before is not None:
            conditions.append(runs.c.key < before)
        alike = [
            (runs.c.kind == kind, runs.c.archived == (sa.true() if archived else sa.false()))
            for kind in dict.fromkeys(query.kinds)
            for archived in dict.fromkeys(query.archived)
        ]
        newest = [
            sa.select(runs.c.key).where(*conditions, *these).order_by(runs.c.key.desc()).limit(most) for these in alike
        ]
        chosen = sa.select(runs).order_by(runs.c.key.desc()).limit(most)
        if len(newest) == 1:
            return chosen.where(*conditions, *alike[0])
        keys = sa.union_all(*[sa.select(each.subquery().c.key) for each in newest])
        return chosen.where(runs.c.key.in_(keys))

    def _conditions(self, query: RunQuery) -> list[sa.ColumnElement[bool]]:
        conditions: list[sa.ColumnElement[bool]] = [runs.c.workspace == query.workspace]
        if query.experiment:
            conditions.append(runs.c.experiment == query.experiment)
        if query.parent_run:
            conditions += [runs.c.parent_run == query.parent_run, IS_CHILD]
        if query.roots_only:
            conditions.append(runs.c.parent_run == "")
        if query.dataset:
            conditions.append(has_to_do_with(query.dataset))
        if query.states:
            conditions.append(self._in_states(query.states))
        conditions += [_has(tags, key, value) for key, value in query.tags.items()]
        conditions += [_has(properties, key, value) for key, value in query.properties.items()]
        return conditions

    def _in_states(self, states: Sequence[State]) -> sa.ColumnElement[bool]:
        """Return the condition of the states as they are shown: PROVISIONING is stored as QUEUED."""
        wanted = set(states)
        stored = runs.c.state.in_(sorted(wanted - {State.PROVISIONING}))
        if State.PROVISIONING in wanted and State.QUEUED not in wanted:
            return sa.or_(stored, self._queue.provisioning())
        if State.QUEUED in wanted and State.PROVISIONING not in wanted:
            return sa.and_(stored, sa.not_(self._queue.provisioning()))
        return stored


_PARENT = Statement(
    sa.select(runs.c.parent_run).where(runs.c.workspace == sa.bindparam("of"), runs.c.id == sa.bindparam("named"))
)


def _not_found(workspace: str, run: str) -> NotFound:
    return NotFound(f"there is no run {run[:300]!r} in the workspace {workspace!r}", reason="RUN_NOT_FOUND")


def _has(table: sa.Table, key: str, value: str) -> sa.ColumnElement[bool]:
    condition = sa.and_(table.c.run_key == runs.c.key, table.c.key == key)
    return sa.exists().where(sa.and_(condition, table.c.value == value) if value else condition)
