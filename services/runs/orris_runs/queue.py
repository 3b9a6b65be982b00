"""The queue: which run an agent gets next, and what the others wait for.

First come, first served in each pool, for work and replicas apart. A run waits while its row names a slot.

Those who give runs away take turns, having locked the runs that they come with: so nothing is given away twice, and
the next one sees what this one has made wait. Nobody who has locked a waiting run waits for a turn.
"""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from orris_kit.database import take_turn
from orris_runs.agents import Agents
from orris_runs.deadlines import Deadlines
from orris_runs.model import Agent, Kind, Run, Slot
from orris_runs.schema import leases, runs
from orris_runs.states import State
from orris_runs.store import Change, Store, agent_changed, pool_changed, run_changed

# Farther back, the exact place says little and costs much.
COUNTED = 1000


class Queue:
    """Gives waiting runs to agents."""

    def __init__(self, store: Store, agents: Agents, deadlines: Deadlines) -> None:
        self._store = store
        self._agents = agents
        self._deadlines = deadlines

    def dispatch(self, pool: str) -> None:
        """Give the runs that wait to the agents that are free."""
        with self._store.change() as change:
            self.assign(change, pool)

    def assign(self, change: Change, pool: str) -> None:
        """Do so in the transaction of what made a run wait, or an agent free."""
        take_turn(change.connection, "queue")
        there = self._agents.there(pool)
        if not there:
            return
        held = _held(change.connection)
        for slot in Slot:
            free = {agent.id: agent.capacity(slot) - held.get((agent.id, slot), 0) for agent in there}
            free = {agent: places for agent, places in free.items() if places > 0}
            if not free:
                continue
            for key in _next(change.connection, pool, slot, sum(free.values())):
                # To the one with most room: work spreads over the machines.
                agent = max(free, key=free.__getitem__)
                free[agent] -= 1
                self._lease(change, key, agent, slot)
            change.wake(pool_changed(pool))

    def explain(self, connection: sa.Connection, found: Sequence[Run]) -> list[Run]:
        """Return the runs with the reason for waiting of those that wait."""
        waiting = [run for run in found if is_waiting(run)]
        if not waiting:
            return list(found)
        there = {pool: self._agents.there(pool) for pool in {run.pool for run in waiting}}
        queued = [run for run in waiting if there[run.pool]]
        ahead = _ahead(connection, queued) if queued else {}
        explained = {run.key: _explained(run, there[run.pool], ahead.get(run.key)) for run in waiting}
        return [explained.get(run.key, run) for run in found]

    def provisioning(self) -> sa.ColumnElement[bool]:
        """Return the condition of the runs that are shown as PROVISIONING."""
        return sa.and_(runs.c.slot.is_not(None), runs.c.pool.not_in(self._agents.pools()))

    def _lease(self, change: Change, key: int, agent: str, slot: Slot) -> None:
        lease = self._store.new_id()
        change.connection.execute(
            leases.insert().values(id=lease, run_key=key, agent=agent, slot=slot.value, cancel=False)
        )
        change.connection.execute(
            runs.update()
            .where(runs.c.key == key)
            .values(
                slot=None,
                agent=agent,
                lease=lease,
                attempts=runs.c.attempts + 1,
                state_reason=f"starting on agent {agent}",
            )
        )
        # Before anybody can know of it: a lease without a deadline is one that was lost.
        self._deadlines.begin(lease, agent)
        change.wake(agent_changed(agent))
        change.wake(run_changed(key))


def slot_of(kind: Kind) -> Slot:
    """Return what a run of a kind occupies on an agent."""
    return Slot.REPLICA if kind is Kind.REPLICA else Slot.WORK


def is_waiting(run: Run) -> bool:
    """Tell whether a run waits for an agent."""
    return run.state is State.QUEUED and not run.agent


_COUNTED = sa.select(leases.c.agent, leases.c.slot, sa.func.count()).group_by(leases.c.agent, leases.c.slot)


def _held(connection: sa.Connection) -> dict[tuple[str, Slot], int]:
    return {(agent, Slot(slot)): count for agent, slot, count in connection.execute(_COUNTED)}


def _next(connection: sa.Connection, pool: str, slot: Slot, most: int) -> list[int]:
    """Return the runs that are first in a queue, locked."""
    waiting = sa.select(runs.c.key).where(runs.c.pool == pool, runs.c.slot == slot.value).order_by(runs.c.key)
    found: list[int] = []
    last = 0
    while (missing := most - len(found)) > 0:
        first = connection.execute(waiting.where(runs.c.key > last).limit(missing)).scalars().all()
        if first:
            # One that is being canceled is waited for here, and leaves its place to the next.
            found += connection.execute(waiting.where(runs.c.key.in_(first)).with_for_update()).scalars()
            last = first[-1]
        if len(first) < missing:
            break
    return found


def _ahead(connection: sa.Connection, waiting: Sequence[Run]) -> dict[int, int]:
    """Return how many runs wait before each, by key; none for those that are farther back than is counted."""
    if len(waiting) == 1:
        (run,) = waiting
        before = sa.select(runs.c.key).where(*_same_queue(run), runs.c.key < run.key).limit(COUNTED + 1).subquery()
        count = connection.execute(sa.select(sa.func.count()).select_from(before)).scalar_one()
        return {run.key: count} if count <= COUNTED else {}
    places: dict[int, int] = {}
    for run in {(run.pool, slot_of(run.kind)): run for run in waiting}.values():
        first = sa.select(runs.c.key).where(*_same_queue(run)).order_by(runs.c.key).limit(COUNTED + 1)
        places.update((key, place) for place, key in enumerate(connection.execute(first).scalars()))
    return places


def _same_queue(run: Run) -> tuple[sa.ColumnElement[bool], ...]:
    return runs.c.pool == run.pool, runs.c.slot == slot_of(run.kind).value


def _explained(run: Run, there: Sequence[Agent], ahead: int | None) -> Run:
    if not there:
        reason = f"no agent is connected to pool {run.pool}"
        return replace(run, state=State.PROVISIONING, state_reason=reason)
    if not any(agent.capacity(slot_of(run.kind)) for agent in there):
        what = "replicas" if run.kind is Kind.REPLICA else "training or conversion runs"
        return replace(run, state_reason=f"no connected agent of pool {run.pool} takes {what}")
    place = f"over {COUNTED}" if ahead is None else ahead
    reason = f"waits for a free slot of pool {run.pool}: {place} ahead of it"
    return replace(run, state_reason=reason)
