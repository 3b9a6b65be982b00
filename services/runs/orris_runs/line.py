"""The line: what is read of the runs that wait, in ways whose cost does not grow with their number."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from orris_runs.model import Kind, Run, Slot
from orris_runs.rooms import Held
from orris_runs.schema import leases, runs

# Farther back, the exact place says little and costs much.
COUNTED = 1000

_WAITING = (runs.c.pool == sa.bindparam("pool"), runs.c.slot == sa.bindparam("slot"))


def slot_of(kind: Kind) -> Slot:
    """Return what a run of a kind occupies on an agent."""
    return Slot.REPLICA if kind is Kind.REPLICA else Slot.WORK


def heads(connection: sa.Connection, pool: str, slot: Slot) -> list[tuple[int, str]]:
    """Return the first run of each kind of demands, and these."""
    return [(key, demands) for key, demands in connection.execute(HEADS, {"pool": pool, "slot": slot.value})]


def behind(connection: sa.Connection, pool: str, slot: Slot, demands: str, key: int, most: int) -> list[int]:
    """Return the next runs of equal demands."""
    where = {"pool": pool, "slot": slot.value, "demands": demands, "after": key, "most": most}
    return list(connection.execute(BEHIND, where).scalars())


def lock(connection: sa.Connection, keys: Sequence[int]) -> set[int]:
    """Lock runs; return those that still wait then: one that is being canceled is waited for here."""
    return set(connection.execute(_STILL_WAITING, {"keys": sorted(keys)}).scalars())


def held(connection: sa.Connection) -> Held:
    """Return what the agents have."""
    return {(agent, Slot(slot), demands): count for agent, slot, demands, count in connection.execute(_HELD)}


def places(connection: sa.Connection, waiting: Sequence[Run]) -> dict[int, int]:
    """Return how many runs wait before each, by key; none for those that are farther back than is counted."""
    if len(waiting) == 1:
        (run,) = waiting
        before = sa.select(runs.c.key).where(*_same_line(run), runs.c.key < run.key).limit(COUNTED + 1).subquery()
        count = connection.execute(sa.select(sa.func.count()).select_from(before)).scalar_one()
        return {run.key: count} if count <= COUNTED else {}
    found: dict[int, int] = {}
    for run in {(run.pool, slot_of(run.kind)): run for run in waiting}.values():
        first = sa.select(runs.c.key).where(*_same_line(run)).order_by(runs.c.key).limit(COUNTED + 1)
        found.update((key, place) for place, key in enumerate(connection.execute(first).scalars()))
    return found


def _same_line(run: Run) -> tuple[sa.ColumnElement[bool], ...]:
    return runs.c.pool == run.pool, runs.c.slot == slot_of(run.kind).value


# In the order of demands, then of submission: one index has that, and no planner is tempted by another.
_ALIKE = sa.select(runs.c.key).where(*_WAITING).order_by(runs.c.demands, runs.c.key)


def _heads() -> sa.Select[Any]:
    """Go from the first of one kind to the first of the next: an index finds each, however many are alike."""
    head, of_kind = runs.alias("head"), sa.select(_ALIKE.limit(1).scalar_subquery().label("key"))
    kinds = of_kind.cte("kinds", recursive=True)
    following = _ALIKE.where(runs.c.demands > head.c.demands).limit(1).scalar_subquery()
    kinds = kinds.union_all(sa.select(following).join_from(kinds, head, head.c.key == kinds.c.key))
    return sa.select(head.c.key, head.c.demands).join_from(kinds, head, head.c.key == kinds.c.key)


# Made once: to put a statement together costs more than to execute it.
HEADS = _heads()
BEHIND = _ALIKE.where(
    runs.c.demands.between(sa.bindparam("demands"), sa.bindparam("demands")), runs.c.key > sa.bindparam("after")
).limit(sa.bindparam("most", type_=sa.Integer))
_KEYS: sa.BindParameter[list[int]] = sa.bindparam("keys", expanding=True)
_STILL_WAITING = (
    sa.select(runs.c.key).where(runs.c.key.in_(_KEYS), runs.c.slot.is_not(None)).order_by(runs.c.key).with_for_update()
)
_HELD = sa.select(leases.c.agent, leases.c.slot, leases.c.demands, sa.func.count()).group_by(
    leases.c.agent, leases.c.slot, leases.c.demands
)
