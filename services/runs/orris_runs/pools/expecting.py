"""What those that wait for a pool may expect of it, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from orris_runs.model import DEFAULT_POOL, Agent
from orris_runs.pools.model import NodeState, Pool, PoolState
from orris_runs.pools.rows import find_pool
from orris_runs.schema import nodes


@dataclass(frozen=True, slots=True)
class Expected:
    """What becomes of the machines of a pool, empty where there is nothing to say; and what they are like, if known."""

    text: str
    machine: Agent | None = None


def expected(connection: sa.Connection, pool_id: str) -> Expected:
    """Return what a pool that an engine keeps does about its nodes."""
    # The default one has no engine, and most runs are its.
    pool = None if pool_id == DEFAULT_POOL else find_pool(connection, pool_id)
    if pool is None or not pool.engine:
        return Expected("")
    return Expected(_text(pool, connection.execute(_LIVE, {"pool": pool_id}).all()), pool.machine)


def _text(pool: Pool, live: Sequence[Any]) -> str:
    if pool.state is PoolState.DELETING:
        return f"pool {pool.id} is being deleted"
    starting = [row for row in live if row.state is NodeState.STARTING]
    if pool.error and not starting:
        return f"pool {pool.id} cannot bring a node: {pool.error}"
    if starting:
        counted = "a node comes" if len(starting) == 1 else f"{len(starting)} nodes come"
        said = next((row.message for row in starting if row.message), "")
        trouble = pool.error or said
        return f"{counted} up in pool {pool.id}" + (f" ({trouble})" if trouble else "")
    if not pool.max_nodes:
        return f"pool {pool.id} may have no nodes: raise its max_nodes"
    serving = any(row.state is NodeState.IDLE for row in live)
    return "" if serving else f"pool {pool.id} is about to ask for a node"


_LIVE = sa.select(nodes.c.state, nodes.c.message).where(
    nodes.c.pool == sa.bindparam("pool"), nodes.c.state.in_([NodeState.STARTING, NodeState.IDLE])
)
