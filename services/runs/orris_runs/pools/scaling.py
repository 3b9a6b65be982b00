"""How many nodes a pool is to have, and which go: rules over what is seen, without any effect of their own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orris_runs.pools.model import NodeState, Pool, PoolState

# After so many seconds a node has no agent still, though it has a machine; or its agent is given up.
START_SECONDS = 600.0
UNREACHABLE_SECONDS = 300.0
# A node that lived shorter failed to come up: the next one is asked for later and later.
SHORT_SECONDS = 60.0
LONGEST_BACK_OFF_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A live node: what its agent does, and since when its engine says what it says."""

    id: str
    state: NodeState
    waits: bool  # the engine has no machine for it yet
    phase_time: datetime
    connected: bool
    silent: float
    idle: float
    leases: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A node that has gone otherwise than as the rules wanted, after so many seconds of service."""

    lived: float
    end_time: datetime
    why: str


def back_off(failures: Sequence[Ended]) -> timedelta:
    """Return how long after the last of the nodes that failed one after the other the next one is asked for."""
    return timedelta(seconds=min(LONGEST_BACK_OFF_SECONDS, 2.0 ** min(len(failures) - 1, 20)) if failures else 0)


def in_succession(ended: Sequence[Ended | None]) -> list[Ended]:
    """Return the last nodes that failed early, one after the other; `ended` has the newest first, None for others."""
    found = []
    for each in ended:
        if each is None or each.lived >= SHORT_SECONDS:
            break
        found.append(each)
    return found


@dataclass(frozen=True, slots=True)
class Demand:
    """Whether runs wait that a node could take, and how many more nodes they could use."""

    waits: bool
    more: int


def to_start(pool: Pool, live: Sequence[Seen], demand: Demand) -> tuple[int, str]:
    """Return how many nodes are to be asked for, and why."""
    if pool.state is PoolState.DELETING:
        return 0, ""
    serving = sum(node.state in (NodeState.STARTING, NodeState.IDLE) for node in live)
    room = pool.max_nodes - len(live)
    lack = pool.min_nodes - serving
    if demand.more >= lack:
        return max(0, min(demand.more, room)), "runs wait"
    return max(0, min(lack, room)), f"the pool has at least {pool.min_nodes}"


def to_drain(pool: Pool, live: Sequence[Seen], demand: Demand) -> Iterator[tuple[Seen, str]]:
    """Give the nodes that are to take no more runs, and why."""
    serving = [node for node in live if node.state in (NodeState.STARTING, NodeState.IDLE)]
    if pool.state is PoolState.DELETING:
        yield from ((node, "the pool is being deleted") for node in serving)
        return
    # Those that have done nothing for longest go first; those that execute runs last.
    serving.sort(key=lambda node: (node.leases, -node.idle))
    for node in serving:
        surplus = len(serving) > pool.max_nodes
        if surplus:
            yield node, f"the pool may have {pool.max_nodes} nodes"
        elif _is_idle(node, pool, demand) and len(serving) > pool.min_nodes:
            yield node, f"it was idle for {pool.idle_seconds:g} seconds"
        else:
            return
        serving = serving[1:]


def to_give_up(live: Sequence[Seen], now: datetime) -> Iterator[tuple[Seen, str]]:
    """Give the nodes that are no use any more, and why."""
    for node in live:
        waited = (now - node.phase_time).total_seconds()
        if node.state is NodeState.STARTING and not node.waits and not node.connected and waited > START_SECONDS:
            yield node, f"its agent had not connected after {START_SECONDS:g} seconds"
        elif (
            node.state in (NodeState.IDLE, NodeState.DRAINING)
            and not node.connected
            and node.silent > UNREACHABLE_SECONDS
            and not node.leases
        ):
            yield node, f"its agent had not been heard of for {UNREACHABLE_SECONDS:g} seconds"


def _is_idle(node: Seen, pool: Pool, demand: Demand) -> bool:
    """Tell whether nobody needs a node: one that does nothing, or that has no machine while nothing waits any more."""
    if node.leases or node.idle < pool.idle_seconds or demand.more:
        return False
    return node.state is NodeState.IDLE or (node.waits and not demand.waits)
