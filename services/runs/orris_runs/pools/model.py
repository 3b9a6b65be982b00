"""What pools are made of. The numbers of the enumerations are the contract's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from orris_kit.ray_versions import RayVersions
from orris_runs.demands import NO_RESOURCES, Resources
from orris_runs.model import Agent

DEFAULT_IDLE_SECONDS = 1800.0


class PoolState(IntEnum):
    """Where a pool stands."""

    ACTIVE = 1
    DELETING = 2


class NodeState(IntEnum):
    """Where a node stands. RUNNING and UNREACHABLE are how one that is IDLE is shown: they are never stored."""

    STARTING = 1
    IDLE = 2
    RUNNING = 3
    DRAINING = 4
    STOPPING = 5
    UNREACHABLE = 6
    GONE = 7


# Those that get runs.
SERVING = (NodeState.STARTING, NodeState.IDLE)


@dataclass(frozen=True, slots=True)
class NewPool:
    """A pool as it is asked for. Without an engine, agents come by themselves, and it has no numbers of nodes."""

    id: str
    engine: str = ""
    min_nodes: int = 0
    max_nodes: int = 0
    idle_seconds: float = DEFAULT_IDLE_SECONDS
    node_slots: int = 1
    node_resources: Resources = NO_RESOURCES
    options: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PoolUpdate:
    """What is to be changed of a pool; None stays."""

    min_nodes: int | None = None
    max_nodes: int | None = None
    idle_seconds: float | None = None
    description: str | None = None
    set_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as it stands. `machine`: what the last of its nodes offered, None before there was one.

    `ray`: of the cluster that its nodes are on; None where they are on none, or it was not asked yet (`ray_known`).
    """

    id: str
    engine: str
    min_nodes: int
    max_nodes: int
    idle_seconds: float
    node_slots: int
    node_resources: Resources
    options: Mapping[str, str]
    description: str
    tags: Mapping[str, str]
    state: PoolState
    error: str
    machine: Agent | None
    create_time: datetime
    update_time: datetime
    node_counts: Mapping[NodeState, int] = field(default_factory=dict)
    waiting: int = 0
    ray: RayVersions | None = None
    ray_known: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it stands. `agent`: what it offers and does, None where it is not connected."""

    id: str
    pool: str
    state: NodeState
    reason: str
    end_reason: str
    message: str
    host: str
    create_time: datetime | None
    ready_time: datetime | None
    end_time: datetime | None
    preempted: bool
    agent: Agent | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """How an agent was seen: whether it can be given runs, and for how many seconds it was silent, and had no run."""

    agent: Agent
    connected: bool
    silent: float
    idle: float


Presences = Mapping[str, Presence]
Nodes = Sequence[Node]
