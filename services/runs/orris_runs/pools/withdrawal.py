"""An agent says that it will end before long: it gets nothing more, and its pool another node."""

from orris_kit.text import readable
from orris_runs import limits
from orris_runs.agents import Agents
from orris_runs.pools.model import SERVING, NodeState
from orris_runs.schema import nodes
from orris_runs.store import POOLS_CHANGED, Store

NO_REASON = "its agent was told to end"


class Withdrawal:
    """Takes agents out of service."""

    def __init__(self, store: Store, agents: Agents) -> None:
        self._store = store
        self._agents = agents

    def drain(self, agent_id: str, reason: str) -> None:
        """Lease an agent nothing more. Of a node that was to go on, its machine is taken away. Raises NotFound."""
        why = readable(reason, limits.REASON_CHARACTERS) or NO_REASON
        self._agents.drain(agent_id, why)
        with self._store.change() as change:
            is_it = (nodes.c.id == agent_id, nodes.c.state.in_(SERVING))
            columns = {"state": NodeState.DRAINING, "preempted": True, "end_reason": why}
            if change.connection.execute(nodes.update().where(*is_it).values(columns)).rowcount:
                change.wake(POOLS_CHANGED)
