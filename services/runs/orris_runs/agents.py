"""Agents: what they offer, durable, and whether they are there, in memory.

An agent gets runs while its stream of leases is open and it was heard of lately.
"""

import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import sqlalchemy as sa

from orris.errors import NotFound
from orris.names import RunName
from orris_kit.database import insert_new
from orris_kit.paging import after_key, page_token
from orris_runs.agent_rows import agent_of, agent_to_row, check_agent
from orris_runs.model import Agent, Slot
from orris_runs.schema import agents, leases, runs
from orris_runs.store import Store, agent_changed, pool_changed


@dataclass(slots=True)
class _Presence:
    agent: Agent
    seen: float
    stream: int = 0
    open: bool = False


class Agents:
    """The agents of this installation. `patience` is after how many seconds of silence one is taken for gone."""

    def __init__(self, store: Store, patience: float) -> None:
        self._store = store
        self._patience = patience
        self._lock = threading.Lock()
        self._present: dict[str, _Presence] = {}

    def register(self, agent: Agent) -> Agent:
        """Make an agent known, or known anew. Raises InvalidArgument (INVALID_NAME, INVALID_AGENT)."""
        check_agent(agent)
        agent = replace(agent, last_seen_time=self._store.clock.now(), connected=True)
        with self._store.change() as change:
            row = agent_to_row(agent)
            if not insert_new(change.connection, agents, [row]):
                change.connection.execute(agents.update().where(agents.c.id == agent.id).values(row))
            change.then(partial(self._remember, agent))
            change.wake(pool_changed(agent.pool))
        return agent

    def open_stream(self, agent_id: str) -> int:
        """Begin a stream of leases, ending the agent's older one; return its number. Raises NotFound."""
        presence = self._presence(agent_id)
        with self._lock:
            presence.stream += 1
            presence.open = True
            presence.seen = self._store.clock.monotonic()
            number = presence.stream
        self._store.changes.notify(agent_changed(agent_id))
        return number

    def close_stream(self, agent_id: str, number: int) -> None:
        """End a stream; the agent gets no new runs unless it has begun another one meanwhile."""
        with self._lock:
            presence = self._present.get(agent_id)
            if presence is None or presence.stream != number:
                return
            presence.open = False
        self._store.changes.notify(pool_changed(presence.agent.pool))

    def is_newest(self, agent_id: str, number: int) -> bool:
        """Tell whether no newer stream has begun."""
        with self._lock:
            return self._present[agent_id].stream == number

    def heard(self, agent_id: str) -> str | None:
        """Note that an agent lives; return its pool when it was taken for gone until now. Raises NotFound."""
        presence = self._presence(agent_id)
        with self._lock:
            back = not self._is_there(presence)
            presence.seen = self._store.clock.monotonic()
            return presence.agent.pool if back else None

    def pool_of(self, agent_id: str) -> str:
        """Return the pool that an agent belongs to. Raises NotFound."""
        return self._presence(agent_id).agent.pool

    def there(self, pool: str) -> list[Agent]:
        """Return the agents of a pool that can be given runs now."""
        with self._lock:
            return [each.agent for each in self._present.values() if each.agent.pool == pool and self._is_there(each)]

    def pools(self) -> set[str]:
        """Return the pools that have an agent now."""
        with self._lock:
            return {each.agent.pool for each in self._present.values() if self._is_there(each)}

    def capacities(self) -> dict[str, tuple[int, dict[Slot, int]]]:
        """Return of each pool that had an agent since the start how many are there now, and their places together."""
        with self._lock:
            pools = {each.agent.pool for each in self._present.values()}
            there = [each.agent for each in self._present.values() if self._is_there(each)]
        mine = {pool: [agent for agent in there if agent.pool == pool] for pool in pools}
        return {
            pool: (len(found), {slot: sum(agent.capacity(slot) for agent in found) for slot in Slot})
            for pool, found in mine.items()
        }

    def list(self, size: int, token: str) -> tuple[list[Agent], str]:
        """Return a page by name, and the token of the next."""
        after = after_key(token, {"list": "agents"}, str)
        chosen = sa.select(agents).order_by(agents.c.id).limit(size + 1)
        if after:
            chosen = chosen.where(agents.c.id > after[0])
        with self._store.look() as connection:
            found = list(map(agent_of, connection.execute(chosen).mappings()))
            page = [self._as_seen(each, connection) for each in found[:size]]
        return page, page_token((page[-1].id,), {"list": "agents"}) if len(found) > size else ""

    def _as_seen(self, agent: Agent, connection: sa.Connection) -> Agent:
        held = sa.select(runs.c.workspace, runs.c.id).join(leases, leases.c.run_key == runs.c.key)
        rows = connection.execute(held.where(leases.c.agent == agent.id).order_by(runs.c.key))
        names = [str(RunName(*row)) for row in rows]
        with self._lock:
            presence = self._present.get(agent.id)
            if presence is None:
                return replace(agent, runs=names)
            silent = timedelta(seconds=self._store.clock.monotonic() - presence.seen)
            seen_time = self._store.clock.now() - silent
            return replace(agent, runs=names, connected=self._is_there(presence), last_seen_time=seen_time)

    def _presence(self, agent_id: str) -> _Presence:
        with self._lock:
            if (known := self._present.get(agent_id)) is not None:
                return known
        with self._store.look() as connection:
            row = connection.execute(sa.select(agents).where(agents.c.id == agent_id)).mappings().one_or_none()
        if row is None:
            message = f"no agent {agent_id[:100]!r} is known; register first"
            raise NotFound(message, reason="AGENT_NOT_FOUND")
        return self._remember(agent_of(row))

    def _remember(self, agent: Agent) -> _Presence:
        with self._lock:
            presence = self._present.setdefault(agent.id, _Presence(agent, self._store.clock.monotonic()))
            presence.agent = agent
            presence.seen = self._store.clock.monotonic()
            return presence

    def _is_there(self, presence: _Presence) -> bool:
        return presence.open and self._store.clock.monotonic() - presence.seen <= self._patience
