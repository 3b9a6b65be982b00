"""What can be read of this service from outside: runs, queues, leases, agents."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from orris_kit.metrics import Family
from orris_runs.core import Core
from orris_runs.model import Slot
from orris_runs.pools.model import NodeState
from orris_runs.schema import leases, nodes, runs
from orris_runs.states import State

# A pool is any text that somebody submits a run with; only those that an agent belongs to have numbers of their own.
WITHOUT_AGENT = "(no agent)"

_BY_STATE = sa.select(runs.c.state, sa.func.count()).group_by(runs.c.state)
_WAITING = (
    sa.select(runs.c.pool, runs.c.slot, sa.func.count(), sa.func.min(runs.c.key))
    .where(runs.c.slot.is_not(None))
    .group_by(runs.c.pool, runs.c.slot)
)
_NODES = (
    sa.select(nodes.c.pool, nodes.c.state, sa.func.count())
    .where(nodes.c.state != NodeState.GONE)
    .group_by(nodes.c.pool, nodes.c.state)
)
_LEASED = sa.select(leases.c.slot, sa.func.count()).group_by(leases.c.slot)


def numbers_of(core: Core) -> Iterator[Family]:
    """Give what is to be told of the runs now."""
    capacities = core.agents.capacities()
    with core.store.look() as connection:
        by_state: dict[State, int] = dict(connection.execute(_BY_STATE).tuples().all())
        waiting = connection.execute(_WAITING).all()
        begun = dict(
            connection.execute(
                sa.select(runs.c.key, runs.c.create_time).where(runs.c.key.in_([row[3] for row in waiting]))
            )
            .tuples()
            .all()
        )
        held = connection.execute(_LEASED).tuples().all()
        kept = connection.execute(_NODES).all()
    lengths: dict[tuple[str, ...], float] = {(pool, slot.value): 0.0 for pool in capacities for slot in Slot}
    oldest = dict(lengths)
    for pool, slot, count, first in waiting:
        key = (pool if pool in capacities else WITHOUT_AGENT, slot)
        waited = (core.store.clock.now() - begun[first]).total_seconds() if first in begun else 0.0
        lengths[key] = lengths.get(key, 0) + count
        oldest[key] = max(oldest.get(key, 0.0), waited)
    by_pool = ("pool", "slot")
    states = {
        (state.name.lower(),): float(by_state.get(state, 0)) for state in State if state is not State.PROVISIONING
    }
    yield Family("orris_runs", "Runs by state.", ("state",), states)
    yield Family("orris_queue_length", "Runs that wait for an agent.", by_pool, lengths)
    yield Family("orris_queue_oldest_seconds", "Since the first of the runs that wait was submitted.", by_pool, oldest)
    leased = {(slot.value,): 0.0 for slot in Slot} | {(slot,): float(count) for slot, count in held}
    yield Family("orris_leases", "Leases that agents hold.", ("slot",), leased)
    connected = {(pool,): float(there) for pool, (there, _) in capacities.items()}
    yield Family("orris_agents_connected", "Agents that can be given runs.", ("pool",), connected)
    slots = {(pool, slot.value): float(total) for pool, (_, each) in capacities.items() for slot, total in each.items()}
    yield Family("orris_agent_slots", "Places for runs on the connected agents.", by_pool, slots)
    alive = {(pool, state.name.lower()): float(count) for pool, state, count in kept}
    yield Family("orris_pool_nodes", "Nodes that engines keep.", ("pool", "state"), alive)
