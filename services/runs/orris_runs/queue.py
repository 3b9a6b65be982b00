"""The queue: which run an agent gets next, and what the others wait for.

First come, first served in each pool, for work and replicas apart. A run waits while its row names a slot. One that no
agent will ever execute holds nobody up; one that waits for others to end is not overtaken where it will go.

Those who give runs away take turns, having locked the runs that they come with: so nothing is given away twice, and
the next one sees what this one has made wait. Nobody who has locked a waiting run waits for a turn.
"""

from collections.abc import Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush

import sqlalchemy as sa

from orris_kit.database import take_turn
from orris_runs import line, reasons
from orris_runs.agents import Agents
from orris_runs.deadlines import Deadlines
from orris_runs.demands import demands_of
from orris_runs.line import slot_of
from orris_runs.model import Agent, Run, Slot
from orris_runs.rooms import Rooms
from orris_runs.schema import leases, runs
from orris_runs.states import State
from orris_runs.store import Change, Store, agent_changed, pool_changed, run_changed


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
        # One that was canceled meanwhile leaves its place to the next.
        while there and not self._give(change, pool, there):
            continue

    def explain(self, connection: sa.Connection, found: Sequence[Run]) -> list[Run]:
        """Return the runs with the reason for waiting of those that wait."""
        waiting = [run for run in found if is_waiting(run)]
        if not waiting:
            return list(found)
        there = {pool: self._agents.there(pool) for pool in {run.pool for run in waiting}}
        explained = {run.key: run for run in _explained(connection, waiting, there)}
        return [explained.get(run.key, run) for run in found]

    def provisioning(self) -> sa.ColumnElement[bool]:
        """Return the condition of the runs that are shown as PROVISIONING."""
        return sa.and_(runs.c.slot.is_not(None), runs.c.pool.not_in(self._agents.pools()))

    def _give(self, change: Change, pool: str, there: Sequence[Agent]) -> bool:
        """Give away what there is room for; return whether all of it was still waiting."""
        rooms = Rooms(there, line.held(change.connection))
        complete = True
        for slot in Slot:
            if not rooms.places(slot):
                continue
            chosen = _choose(change.connection, pool, slot, rooms)
            locked = line.lock(change.connection, list(chosen)) if chosen else set()
            for key, (agent, demands) in chosen.items():
                if key in locked:
                    self._lease(change, key, agent, slot, demands)
            complete = complete and len(locked) == len(chosen)
            change.wake(pool_changed(pool))
        return complete

    def _lease(self, change: Change, key: int, agent: str, slot: Slot, demands: str) -> None:
        lease = self._store.new_id()
        change.connection.execute(
            leases.insert().values(id=lease, run_key=key, agent=agent, slot=slot.value, cancel=False, demands=demands)
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


def is_waiting(run: Run) -> bool:
    """Tell whether a run waits for an agent."""
    return run.state is State.QUEUED and not run.agent


def _choose(connection: sa.Connection, pool: str, slot: Slot, rooms: Rooms) -> dict[int, tuple[str, str]]:
    """Return the runs that there is room for, in the order of submission: for each its agent, and its demands.

    Of runs with equal demands none fits where the first does not. So what cannot be given away is looked at once,
    however many runs it is.
    """
    chosen: dict[int, tuple[str, str]] = {}
    following: dict[str, list[int]] = {}
    first = line.heads(connection, pool, slot)
    heapify(first)
    while first and (places := rooms.places(slot)):
        key, demands = heappop(first)
        agent = rooms.take(demands_of(demands), slot)
        if agent is None:
            continue
        chosen[key] = agent, demands
        if demands not in following and places > 1:
            following[demands] = line.behind(connection, pool, slot, demands, key, places - 1)[::-1]
        if following.get(demands):
            heappush(first, (following[demands].pop(), demands))
    return chosen


def _explained(connection: sa.Connection, waiting: Sequence[Run], there: dict[str, list[Agent]]) -> list[Run]:
    why = {run.key: reasons.never(run, there[run.pool]) for run in waiting if there[run.pool]}
    queued = [run for run in waiting if why.get(run.key) == ""]
    ahead = line.places(connection, queued) if queued else {}
    held = line.held(connection) if any(run.demands.weigh for run in queued) else {}
    rooms = {pool: Rooms(agents, held) for pool, agents in there.items()}
    explained = []
    for run in waiting:
        if run.key not in why:
            explained.append(replace(run, state=State.PROVISIONING, state_reason=reasons.no_agent(run)))
            continue
        only_busy = run.demands.weigh and rooms[run.pool].only_busy(run.demands, slot_of(run.kind))
        reason = why[run.key] or reasons.for_now(run, ahead.get(run.key), only_busy=only_busy)
        explained.append(replace(run, state_reason=reason))
    return explained
