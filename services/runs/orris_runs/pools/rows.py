"""From rows to pools and nodes, and back."""

import json
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from orris_kit.database import Statement
from orris_kit.ray_versions import RayVersions
from orris_runs.demands import ABILITIES, Isolation, Resources, resources_of, resources_to_text
from orris_runs.model import Agent
from orris_runs.pools.model import SERVING, NewPool, Node, NodeState, Pool
from orris_runs.schema import nodes, pools

LIVE = nodes.c.state != NodeState.GONE
_AS_THEY_ARE = ("id", "engine", "min_nodes", "max_nodes", "idle_seconds", "node_slots", "description")


def pool_to_row(pool: NewPool) -> dict[str, Any]:
    """Return what somebody has said of a pool as its row holds it."""
    return {
        **{name: getattr(pool, name) for name in _AS_THEY_ARE},
        "node_resources": resources_to_text(pool.node_resources),
        "options": json.dumps(dict(pool.options)),
        "tags": json.dumps(dict(pool.tags)),
    }


def pool_of(row: Any) -> Pool:
    """Return the pool of a row of `pools`."""
    return Pool(
        **{name: getattr(row, name) for name in (*_AS_THEY_ARE, "state", "error", "create_time", "update_time")},
        node_resources=resources_of(row.node_resources),
        options=json.loads(row.options),
        tags=json.loads(row.tags),
        machine=_machine_of(row.machine),
        ray=RayVersions(**json.loads(row.ray)) if row.ray else None,
        ray_known=row.ray is not None,
    )


def as_asked(pool: Pool) -> NewPool:
    """Return what was asked for of a pool."""
    return NewPool(
        **{name: getattr(pool, name) for name in _AS_THEY_ARE},
        node_resources=pool.node_resources,
        options=pool.options,
        tags=pool.tags,
    )


def ray_to_text(versions: RayVersions | None) -> str:
    """Return a cluster's versions as a pool's row has them; empty: there is no cluster."""
    return json.dumps(asdict(versions)) if versions else ""


def machine_to_text(agent: Agent) -> str:
    """Return what a node offers as its pool's row remembers it."""
    offered = {name: getattr(agent, name) for name in ("slots", "replica_slots")}
    isolations = [each.value for each in agent.isolations]
    rest = {"resources": asdict(agent.resources), "abilities": sorted(agent.abilities)}
    return json.dumps({**offered, "isolations": isolations, **rest})


def _machine_of(text: str) -> Agent | None:
    if not text:
        return None
    kept = json.loads(text)
    isolations, resources = tuple(map(Isolation, kept.pop("isolations"))), Resources(**kept.pop("resources"))
    # Nodes of an older version said nothing of that; the next one will be of this version.
    abilities = frozenset(kept.pop("abilities", ABILITIES))
    return Agent("", "", isolations=isolations, resources=resources, abilities=abilities, **kept)


def node_of(row: Any, agent: Agent | None = None) -> Node:
    """Return the node of a row of `nodes`."""
    return Node(
        id=row.id,
        pool=row.pool,
        state=row.state,
        reason=row.reason,
        end_reason=row.end_reason,
        message=row.message,
        host=row.host or (agent.hostname if agent else ""),
        create_time=row.create_time,
        ready_time=row.ready_time,
        end_time=row.end_time,
        preempted=row.preempted,
        agent=agent,
    )


def as_seen(node: Node) -> Node:
    """Return a node in the state that its agent's doings show."""
    connected = node.agent is not None and node.agent.connected
    if node.state is NodeState.IDLE and not connected:
        return replace(node, state=NodeState.UNREACHABLE, message=node.message or _silence(node.agent))
    if node.agent is None or not connected or node.state not in SERVING:
        return node
    return replace(node, state=NodeState.RUNNING if node.agent.runs else NodeState.IDLE)


def _silence(agent: Agent | None) -> str:
    seen = agent.last_seen_time if agent is not None else None
    return f"its agent was last heard of at {seen:%H:%M:%S} UTC" if seen is not None else "its agent is not heard of"


_BY_ID = sa.select(pools).where(pools.c.id == sa.bindparam("id"))
_FIND, _FIND_LOCKED = Statement(_BY_ID), Statement(_BY_ID.with_for_update())


def find_pool(connection: sa.Connection, pool_id: str, *, lock: bool = False) -> Pool | None:
    """Return a pool, locked if asked for; None where there is none."""
    row = (_FIND_LOCKED if lock else _FIND).first(connection, {"id": pool_id})
    return None if row is None else pool_of(row)


def live_nodes(connection: sa.Connection, pool_id: str) -> list[Any]:
    """Return the rows of the nodes of a pool that are not gone, the oldest first."""
    chosen = sa.select(nodes).where(nodes.c.pool == pool_id, LIVE).order_by(nodes.c.key)
    return list(connection.execute(chosen).all())


def find_node(connection: sa.Connection, node_id: str) -> Node | None:
    """Return a node, gone or not; None for an agent that is none."""
    row = connection.execute(sa.select(nodes).where(nodes.c.id == node_id)).one_or_none()
    return None if row is None else node_of(row)
