"""How many more nodes the runs that wait in a pool could use."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from orris_runs import limits
from orris_runs.bounds import Bounds
from orris_runs.demands import ABILITIES, Demands, Isolation, demands_of
from orris_runs.line import owner_of
from orris_runs.model import Agent, Slot
from orris_runs.pools.model import Pool
from orris_runs.rooms import Held, Room, rooms_of
from orris_runs.schema import lines, runs

# What an agent takes by default.
_REPLICA_SLOTS = 64


@dataclass(frozen=True, slots=True)
class Waiting:
    """Runs that wait for the same: how many, as far as it matters."""

    demands: Demands
    slot: Slot
    count: int


def waiting_in(connection: sa.Connection, pool: Pool, held: Held, bounds: Bounds) -> list[Waiting]:
    """Return what waits in a pool and may go, the next first; of each kind no more than all its nodes could take."""
    most = max(1, pool.max_nodes) * max(pool.node_slots, pool.machine.slots if pool.machine else 0)
    running: Counter[str] = Counter()
    for (_, _, _, owner), count in held.items():
        running[owner] += count
    found = []
    for row in connection.execute(_WAITING, {"pool": pool.id, "most": most}):
        owner = owner_of(row.workspace, row.experiment)
        bound = bounds.of(owner)
        count = min(row.waiting, max(0, bound - running[owner])) if bound else row.waiting
        running[owner] += count
        if count:
            found.append(Waiting(demands_of(row.demands), Slot(row.slot), count))
    return found


def more_nodes(pool: Pool, waiting: Sequence[Waiting], there: Sequence[Agent], coming: int, held: Held) -> int:
    """Return how many nodes more than those `there` and `coming` what waits could use, up to what the pool may have."""
    fresh = fresh_node(pool)
    rooms = [*rooms_of(there, held), *(Room(fresh) for _ in range(coming))]
    known = len(rooms)
    for each in waiting:
        left = each.count
        for room in rooms:
            left -= room.take_up_to(each.demands, each.slot, left)
            if not left:
                break
        while left and len(rooms) - known < pool.max_nodes:
            room = Room(fresh)
            if not (taken := room.take_up_to(each.demands, each.slot, left)):
                break
            left -= taken
            rooms.append(room)
    return len(rooms) - known


def fresh_node(pool: Pool) -> Agent:
    """Return what a new node will offer: what the last one did, else what is asked for, and anything besides."""
    if pool.machine is not None:
        return pool.machine
    resources = replace(pool.node_resources, gpus=limits.GPUS)
    isolations = tuple(each for each in Isolation if each)
    new = Agent("", pool.id, pool.node_slots, _REPLICA_SLOTS, isolations=isolations, resources=resources)
    return replace(new, abilities=ABILITIES)


_COUNTED = (
    sa.select(sa.func.count())
    .select_from(
        sa.select(runs.c.key)
        .where(
            *(runs.c[name] == lines.c[name] for name in ("pool", "slot", "rank", "workspace", "experiment", "demands"))
        )
        .limit(sa.bindparam("most", type_=sa.Integer))
        .correlate(lines)
        .subquery()
    )
    .scalar_subquery()
)
_WAITING = (
    sa.select(lines.c.slot, lines.c.demands, lines.c.workspace, lines.c.experiment, _COUNTED.label("waiting"))
    .where(lines.c.pool == sa.bindparam("pool"))
    .order_by(lines.c.rank, lines.c.turn, lines.c.key)
    .limit(1000)
)
