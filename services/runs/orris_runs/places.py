"""How many runs go before one that waits, as the lines stand now: counted as far as it says something.

Before a run come those of its own line, and of every other experiment as many as that gets turns: one for each of the
own runs ahead, one more where it stands before this experiment. And all of a higher priority.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

import sqlalchemy as sa

from orris_kit.database import Statement
from orris_runs.line import FIRST, NOT_FULL, listed, owner_of, slot_of
from orris_runs.model import Run, Slot
from orris_runs.schema import lines, runs

# Farther back, the exact place says little and costs much.
COUNTED = 1000
# Lines are counted so many at a time, until it is enough.
_CHUNK = 50


@dataclass(frozen=True, slots=True)
class Place:
    """How many go before a run: of its own experiment, and of all. None: farther back than is counted."""

    own: int | None
    all: int | None


_FAR = Place(None, None)
# Whether a line counts: one that no agent will ever serve holds nobody up.
Counts = Callable[[str], bool]


def places(
    connection: sa.Connection, waiting: Sequence[Run], full: Collection[str], counts: Counts
) -> dict[int, Place]:
    """Return the place of each run, by key; `full` are the experiments that have to wait for their own runs."""
    together: defaultdict[tuple[str, Slot, int, str, str], list[Run]] = defaultdict(list)
    for run in waiting:
        together[run.pool, slot_of(run.kind), -run.priority, run.workspace, run.experiment].append(run)
    found: dict[int, Place] = {}
    for (pool, slot, rank, workspace, experiment), own in together.items():
        others = listed(set(full) - {owner_of(workspace, experiment)})
        group = _Group(connection, pool, slot, rank, workspace, experiment, others, counts)
        found.update(group.places(own))
    return found


@dataclass(frozen=True, slots=True)
class _Group:
    """The runs of an experiment that wait with one priority, whatever they ask for."""

    connection: sa.Connection
    pool: str
    slot: Slot
    rank: int
    workspace: str
    experiment: str
    full: str
    counts: Counts

    def places(self, waiting: Sequence[Run]) -> dict[int, Place]:
        ahead = self._own_ahead(waiting)
        near = [ahead[run.key] for run in waiting if run.key in ahead]
        if not near:
            return {run.key: _FAR for run in waiting}
        higher, higher_own = self._higher()
        others = self._others(min(near), max(near)) if higher <= COUNTED else []
        return {run.key: self._place(ahead.get(run.key), higher, higher_own, others) for run in waiting}

    def _place(self, own: int | None, higher: int, higher_own: int, others: list[tuple[int, int]]) -> Place:
        if own is None:
            return _FAR
        total = higher + own + sum(min(count, own + before) for count, before in others)
        of_experiment = own + higher_own
        return Place(_near(of_experiment), _near(total))

    def _own_ahead(self, waiting: Sequence[Run]) -> dict[int, int]:
        """Return how many runs of the group come before each; none for those that are too far back."""
        own = _OWN.values(self.connection, self._parameters())
        if len(waiting) == 1:
            (run,) = waiting
            before = [_BEFORE.value(self.connection, self._parameters(demands=each, key=run.key)) for each in own]
            return {run.key: sum(before)} if sum(before) <= COUNTED else {}
        first = [FIRST.values(self.connection, self._parameters(demands=each, most=COUNTED + 1)) for each in own]
        in_order = merge(*first)
        return {key: place for place, key in enumerate(islice(in_order, COUNTED + 1))}

    def _higher(self) -> tuple[int, int]:
        """Return how many of a higher priority there are, and how many of these are of the experiment."""
        total = own = 0
        for line in self._lines(_HIGHER, COUNTED + 1):
            total += line.waiting
            own += line.waiting if self._is_own(line) else 0
            if total > COUNTED:
                break
        return total, own

    def _others(self, least: int, most: int) -> list[tuple[int, int]]:
        """Return of each other experiment how many runs wait, up to so many, and 1 where it comes first, else 0."""
        waiting: defaultdict[str, int] = defaultdict(int)
        first: dict[str, int] = {}
        mine: int | None = None
        counted = 0
        for line in self._lines(_SAME, most + 1):
            if self._is_own(line):
                mine = line.turn if mine is None else mine
                continue
            owner = owner_of(line.workspace, line.experiment)
            turns = least + first.setdefault(owner, 1 if mine is None else 0)
            counted -= min(waiting[owner], turns)
            waiting[owner] += line.waiting
            counted += min(waiting[owner], turns)
            if counted > COUNTED:
                break
            if least == most == 0 and mine is not None:
                break
        return [(count, first[owner]) for owner, count in waiting.items()]

    def _lines(self, statement: Statement, most: int) -> Iterator[Any]:
        """Give the lines that count, each with how many wait in it, up to `most`, in the order of their turns."""
        after, read = {"after_rank": -(10**6), "after_turn": -1, "after_key": -1}, 0
        while read <= COUNTED:
            found = statement.all(self.connection, self._parameters(**after, most=most, full=self.full))
            yield from (line for line in found if line.waiting and self.counts(line.demands))
            if len(found) < _CHUNK:
                return
            read += len(found)
            last = found[-1]
            after = {"after_rank": last.rank, "after_turn": last.turn, "after_key": last.key}

    def _is_own(self, line: Any) -> bool:
        return (line.workspace, line.experiment) == (self.workspace, self.experiment)

    def _parameters(self, **more: object) -> dict[str, object]:
        same = {"pool": self.pool, "slot": self.slot.value, "rank": self.rank}
        return {**same, "workspace": self.workspace, "experiment": self.experiment, **more}


def _near(count: int) -> int | None:
    return count if count <= COUNTED else None


def _counted(chosen: sa.Select[Any]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(chosen.subquery()).scalar_subquery()


_KEPT = sa.bindparam("most", type_=sa.Integer)
_WAITING = _counted(
    sa.select(runs.c.key)
    .where(*(runs.c[name] == lines.c[name] for name in ("pool", "slot", "rank", "workspace", "experiment", "demands")))
    .limit(_KEPT)
    .correlate(lines)
)
_HERE = (lines.c.pool == sa.bindparam("pool"), lines.c.slot == sa.bindparam("slot"))
_LINES = (
    sa.select(lines, _WAITING.label("waiting"))
    .where(*_HERE, NOT_FULL)
    .order_by(lines.c.rank, lines.c.turn, lines.c.key)
    .limit(_CHUNK)
)
_AFTER = sa.tuple_(*(sa.bindparam(f"after_{name}", type_=sa.BigInteger) for name in ("rank", "turn", "key")))
_LATER = _LINES.where(sa.tuple_(lines.c.rank, lines.c.turn, lines.c.key) > _AFTER)
_SAME = Statement(_LATER.where(lines.c.rank == sa.bindparam("rank")))
_HIGHER = Statement(_LATER.where(lines.c.rank < sa.bindparam("rank")))
_OWN = Statement(
    sa.select(lines.c.demands).where(
        lines.c.workspace == sa.bindparam("workspace"),
        lines.c.experiment == sa.bindparam("experiment"),
        *_HERE,
        lines.c.rank == sa.bindparam("rank"),
    )
)
_BEFORE = Statement(
    sa.select(
        _counted(
            sa.select(runs.c.key)
            .where(
                *(runs.c[name] == sa.bindparam(name) for name in ("pool", "slot", "rank", "workspace", "experiment")),
                runs.c.demands == sa.bindparam("demands"),
                runs.c.key < sa.bindparam("key"),
            )
            .limit(COUNTED + 1)
        )
    )
)
