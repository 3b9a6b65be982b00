"""Transactions of this service: who watches is woken once a change is durable."""

import secrets
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa

from orris_kit.blocking import run_blocking
from orris_kit.changes import Changes
from orris_kit.database import Together, read, write
from orris_runs.model import Kind

P = ParamSpec("P")
T = TypeVar("T")


class Clock(Protocol):
    """What time it is, for people (`now`) and for measuring (`monotonic`, in seconds)."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return monotonic()


def random_id() -> str:
    """Return 32 hexadecimal digits that nobody can guess and nobody else has."""
    return secrets.token_hex(16)


@dataclass(slots=True)
class Change:
    """A transaction that writes, and the keys of what it changes."""

    connection: sa.Connection
    woken: set[Hashable] = field(default_factory=set)
    after: dict[tuple[Callable[..., object], tuple[Hashable, ...]], None] = field(default_factory=dict)

    def wake(self, key: Hashable) -> None:
        """Wake those who watch `key` once the change is durable."""
        self.woken.add(key)

    def wake_watchers_of(self, run: Any) -> None:
        """Wake those who watch a run (a row of `runs`), the sweep that it is, or its parent's children."""
        self.wake(run_changed(run.key))
        if run.parent_run:
            self.wake(children_changed(run.parent_run))
        if run.kind is Kind.SWEEP:
            self.wake(children_changed(f"workspaces/{run.workspace}/runs/{run.id}"))

    def then(self, action: Callable[..., object], *arguments: Hashable) -> None:
        """Call `action` once the change is durable, before anybody is woken. The same again is once."""
        self.after[action, arguments] = None


class Store:
    """The database, and those who watch it."""

    def __init__(
        self,
        engine: sa.Engine,
        changes: Changes,
        clock: Clock | None = None,
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self.engine = engine
        self._together = Together(engine)
        self.changes = changes
        self.clock: Clock = clock or SystemClock()
        self.new_id = new_id

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Run a transaction that writes: durable at the end of the block, undone when it raises."""
        with write(self.engine) as connection:
            change = Change(connection)
            yield change
        self._tell(change)

    def together(self, action: Callable[[Change], T]) -> T:
        """Do the same with what many do at a time, in transactions that they share where that is faster."""

        def act(connection: sa.Connection) -> tuple[Change, T]:
            change = Change(connection)
            return change, action(change)

        change, value = self._together.write(act)
        self._tell(change)
        return value

    async def soon(self, action: Callable[[Change], T]) -> T:
        """Do so from an event loop."""

        def act(connection: sa.Connection) -> tuple[Change, T]:
            change = Change(connection)
            return change, action(change)

        _, value = await self._together.write_soon(act, lambda made: self._tell(made[0]))
        return value

    def _tell(self, change: Change) -> None:
        for action, arguments in change.after:
            action(*arguments)
        for key in change.woken:
            self.changes.notify(key)

    async def glance(self, look: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what reading a few rows by their keys gives, from an event loop.

        In SQLite such a look waits for nobody, and takes less time than to have a thread do it.
        """
        if self.engine.dialect.name == "sqlite":
            return look(*args, **kwargs)
        return await run_blocking(look, *args, **kwargs)

    @contextmanager
    def look(self) -> Iterator[sa.Connection]:
        """Run a transaction that reads one consistent state."""
        with read(self.engine) as connection:
            yield connection


def run_changed(key: int) -> Hashable:
    """What is notified when a run has changed."""
    return "run", key


def run_ended(workspace: str, run: str) -> Hashable:
    """What is notified when a run has come to a final state."""
    return "ended", workspace, run


def logs_changed(key: int) -> Hashable:
    """What is notified when a log of a run has grown or is complete."""
    return "logs", key


def children_changed(parent_run: str) -> Hashable:
    """What is notified when a child of a run, by its resource name, has changed; of a sweep, also when itself has."""
    return "children", parent_run


def agent_changed(agent: str) -> Hashable:
    """What is notified when an agent's leases have changed."""
    return "agent", agent


def pool_changed(pool: str) -> Hashable:
    """What is notified when a pool's agents or its queue have changed."""
    return "pool", pool


PREPARING_CHANGED: Hashable = "preparing"
ARCHIVE_CHANGED: Hashable = "archive"
RELEASES_CHANGED: Hashable = "releases"
REMOVALS_CHANGED: Hashable = "removals"
RETRIES_CHANGED: Hashable = "retries"
POOLS_CHANGED: Hashable = "pools"
SWEEPS_CHANGED: Hashable = "sweeps"
