"""Agents: what they offer, durable, and whether they are there, in memory.

An agent gets runs while its stream of leases is open and it was heard of lately, unless it is about to end. In a pool
that an engine keeps, it must also be one of the nodes that are to serve.
"""

import builtins
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from math import inf

import sqlalchemy as sa

from orris.errors import NotFound
from orris.names import RunName
from orris_kit.database import insert_new
from orris_kit.paging import after_key, page_token
from orris_runs.agent_rows import agent_of, agent_to_row, check_agent
from orris_runs.model import AHEAD, Agent, Slot
from orris_runs.pools.model import Presence
from orris_runs.schema import agents, leases, runs
from orris_runs.store import POOLS_CHANGED, Change, Store, agent_changed, pool_changed


@dataclass(slots=True)
class _Presence:
    agent: Agent
    seen: float
    busy: float
    stream: int = 0
    open: bool = False


@dataclass(frozen=True, slots=True)
class _There:
    """The agents of a pool that are there: as long as nobody comes or goes, and nobody has been silent for too long."""

    agents: Sequence[Agent]
    until: float


class Agents:
    """The agents of this installation. `patience` is after how many seconds of silence one is taken for gone."""

    def __init__(self, store: Store, patience: float) -> None:
        self._store = store
        self._patience = patience
        self._lock = threading.Lock()
        self._present: dict[str, _Presence] = {}
        self._serving: dict[str, frozenset[str]] = {}
        self._there: dict[str, _There] = {}

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
            self._look_again(presence)
        self._store.changes.notify(agent_changed(agent_id))
        return number

    def close_stream(self, agent_id: str, number: int) -> None:
        """End a stream; the agent gets no new runs unless it has begun another one meanwhile."""
        with self._lock:
            presence = self._present.get(agent_id)
            if presence is None or presence.stream != number:
                return
            presence.open = False
            self._look_again(presence)
            kept = presence.agent.pool in self._serving
        self._store.changes.notify(pool_changed(presence.agent.pool))
        if kept:  # its engine may know what has become of it: before its leases end, so that its runs can say so
            self._store.changes.notify(POOLS_CHANGED)

    def is_newest(self, agent_id: str, number: int) -> bool:
        """Tell whether no newer stream has begun."""
        with self._lock:
            presence = self._present.get(agent_id)
            return presence is not None and presence.stream == number

    def heard(self, agent_id: str) -> str | None:
        """Note that an agent lives; return its pool when it was taken for gone until now. Raises NotFound."""
        presence = self._presence(agent_id)
        with self._lock:
            back = not self._is_there(presence)
            presence.seen = self._store.clock.monotonic()
            if not back:
                return None
            self._look_again(presence)
            return presence.agent.pool

    def serve(self, pool: str, ids: Iterable[str] | None) -> None:
        """From now on give a pool's runs to these of its agents only; None: to all."""
        with self._lock:
            self._there.pop(pool, None)
            if ids is None:
                self._serving.pop(pool, None)
            else:
                self._serving[pool] = frozenset(ids)

    def drain(self, agent_id: str, reason: str) -> str:
        """Give an agent nothing more until it registers anew; return its pool. Raises NotFound."""
        presence = self._presence(agent_id)
        agent = replace(presence.agent, draining=reason)
        with self._store.change() as change:
            change.connection.execute(agents.update().where(agents.c.id == agent_id).values(draining=reason))
            change.then(partial(self._remember, agent))
            change.wake(pool_changed(agent.pool))
        return agent.pool

    def busy(self, agent_id: str) -> None:
        """Note that an agent has just been given a run, or has just ended one."""
        with self._lock:
            if (presence := self._present.get(agent_id)) is not None:
                presence.busy = self._store.clock.monotonic()

    def lease_ahead(self, agent_id: str, ahead: bool) -> None:
        """Let an agent that is able to have as many runs again as it has slots from now on, or not."""
        with self._lock:
            presence = self._present.get(agent_id)
            if presence is None or AHEAD not in presence.agent.abilities:
                return
            most = presence.agent.slots if ahead else 0
            if presence.agent.ahead == most:
                return
            presence.agent = replace(presence.agent, ahead=most)
            self._look_again(presence)

    def forget(self, change: Change, agent_id: str) -> None:
        """Forget an agent that is gone for good; should it be there after all, it registers anew."""
        change.connection.execute(agents.delete().where(agents.c.id == agent_id))
        change.then(partial(self._drop, agent_id))

    def presences(self, pool: str) -> dict[str, Presence]:
        """Return how each agent of a pool was seen that was there since the start."""
        now = self._store.clock.monotonic()
        with self._lock:
            return {
                each.agent.id: Presence(each.agent, self._is_there(each), now - each.seen, now - each.busy)
                for each in self._present.values()
                if each.agent.pool == pool
            }

    def pool_of(self, agent_id: str) -> str:
        """Return the pool that an agent belongs to. Raises NotFound."""
        return self._presence(agent_id).agent.pool

    def there(self, pool: str) -> Sequence[Agent]:
        """Return the agents of a pool that can be given runs now."""
        with self._lock:
            known = self._there.get(pool)
            if known is None or known.until < self._store.clock.monotonic():
                known = self._there[pool] = self._look(pool)
            return known.agents

    def if_there(self, agent_id: str) -> builtins.list[Agent]:
        """Return an agent, in a list, if it can be given runs now."""
        with self._lock:
            presence = self._present.get(agent_id)
            return [presence.agent] if presence is not None and self._is_given(presence) else []

    def pools(self) -> set[str]:
        """Return the pools that have an agent now."""
        with self._lock:
            return {each.agent.pool for each in self._present.values() if self._is_given(each)}

    def capacities(self) -> dict[str, tuple[int, dict[Slot, int]]]:
        """Return of each pool that had an agent since the start how many are there now, and their places together."""
        with self._lock:
            pools = {each.agent.pool for each in self._present.values()}
            there = [each.agent for each in self._present.values() if self._is_given(each)]
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

    def of_pool(self, connection: sa.Connection, pool: str) -> builtins.list[Agent]:
        """Return the agents of a pool by name, as they are seen now."""
        rows = connection.execute(sa.select(agents).where(agents.c.pool == pool).order_by(agents.c.id)).mappings()
        return [self._as_seen(agent_of(row), connection) for row in rows.all()]

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
            now = self._store.clock.monotonic()
            presence = self._present.setdefault(agent.id, _Presence(agent, now, now))
            self._look_again(presence)
            presence.agent = agent
            presence.seen = now
            self._look_again(presence)
            return presence

    def _drop(self, agent_id: str) -> None:
        with self._lock:
            if (presence := self._present.pop(agent_id, None)) is not None:
                self._look_again(presence)

    def _look(self, pool: str) -> _There:
        given = [each for each in self._present.values() if each.agent.pool == pool and self._is_given(each)]
        until = min((each.seen + self._patience for each in given), default=inf)
        return _There(tuple(each.agent for each in given), until)

    def _look_again(self, presence: _Presence) -> None:
        """An agent's pool may have others there now."""
        self._there.pop(presence.agent.pool, None)

    def _is_given(self, presence: _Presence) -> bool:
        agent = presence.agent
        serves = agent.pool not in self._serving or agent.id in self._serving[agent.pool]
        return serves and not agent.draining and self._is_there(presence)

    def _is_there(self, presence: _Presence) -> bool:
        return presence.open and self._store.clock.monotonic() - presence.seen <= self._patience
