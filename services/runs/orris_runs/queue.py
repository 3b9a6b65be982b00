"""The queue: which run an agent gets next, and what the others wait for.

In each pool, for work and replicas apart: by priority, then experiments take turns, then in the order of submission. A
run waits while its row names a slot. One that no agent will ever execute holds nobody up, nor does one whose experiment
runs as many as it may; one that waits for others to end is not overtaken where it will go.

Those who give runs away take turns: so nothing is given away twice, and the next one sees what this one has made wait.
Nobody who has locked a waiting run waits for a turn.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from orris_kit.database import Statement, take_turn
from orris_runs import line, reasons
from orris_runs.agents import Agents
from orris_runs.bounds import Bounds
from orris_runs.deadlines import Deadlines
from orris_runs.demands import demands_of
from orris_runs.line import Line, owner_of, slot_of
from orris_runs.model import DEFAULT_POOL, Agent, Run, Slot
from orris_runs.places import Place, places
from orris_runs.pools.expecting import Expected, expected
from orris_runs.rooms import Rooms, could_take
from orris_runs.schema import leases, runs
from orris_runs.states import State
from orris_runs.store import POOLS_CHANGED, Change, Store, agent_changed, pool_changed, run_changed


class Queue:
    """Gives waiting runs to agents."""

    def __init__(self, store: Store, agents: Agents, deadlines: Deadlines, bounds: Bounds) -> None:
        self._store = store
        self._agents = agents
        self._deadlines = deadlines
        self._bounds = bounds

    def dispatch(self, pool: str) -> None:
        """Give the runs that wait to the agents that are free."""
        with self._store.change() as change:
            self.assign(change, pool)

    def enter(self, change: Change, run: Any, slot: str) -> bool:
        """Put a run (something with the columns of `runs`) that waits from now on into its line, and do so.

        Returns whether it may have been given away.
        """
        take_turn(change.connection, "queue")
        line.join(change.connection, run, slot)
        # What can go has gone: where another one waits for the same, so does this one.
        given = not line.is_behind(change.connection, run, slot) and self.assign(change, run.pool)
        if not given and run.pool != DEFAULT_POOL:
            change.wake(POOLS_CHANGED)
        return given

    def leave(self, change: Change, run: Any) -> None:
        """Do so when an agent has ended a run: others of its experiment may be free to go, in other pools too."""
        if run.agent:
            change.then(partial(self._agents.busy, run.agent))
        if run.pool != DEFAULT_POOL:
            change.wake(POOLS_CHANGED)
        if not self._bounds.of(owner_of(run.workspace, run.experiment)):
            self._refill(change, run)
            return
        for pool in sorted({run.pool, *line.pools_of(change.connection, run.workspace, run.experiment)}):
            self.assign(change, pool)

    def give_back(self, change: Change, run: Any) -> None:
        """Do so when a run's program has ended: its agent keeps what it wrote beside the next one."""
        line.give_back(change.connection, run.key)
        self._refill(change, run)

    def give_up(self, change: Change, run: Any) -> None:
        """Do so when a run waits no more: a machine may have been kept for it.

        Not in this transaction, which has locked the run.
        """
        if demands_of(run.demands).weigh:
            change.then(self.dispatch, run.pool)

    def assign(self, change: Change, pool: str) -> bool:
        """Do so in the transaction of what made a run wait, or an agent free; return whether a run was given away."""
        take_turn(change.connection, "queue")
        there = self._agents.there(pool)
        return bool(there) and bool(_Giving(self, change, pool, there).give())

    def _refill(self, change: Change, run: Any) -> None:
        """Give the agent that has ended a run what waits; nobody else has more room than before.

        What weighs may have been kept waiting by that, wherever it is to go: then all agents are looked at.
        """
        take_turn(change.connection, "queue")
        freed = self._agents.if_there(run.agent) if run.agent else []
        if freed and _Giving(self, change, run.pool, freed, alone=True).give() is None:
            self.assign(change, run.pool)

    @property
    def bounds(self) -> Bounds:
        """How many runs experiments may have with agents at a time."""
        return self._bounds

    def explain(self, connection: sa.Connection, found: Sequence[Run]) -> list[Run]:
        """Return the runs with the reason for waiting of those that wait."""
        waiting = [run for run in found if is_waiting(run)]
        if not waiting:
            return list(found)
        there = {pool: self._agents.there(pool) for pool in {run.pool for run in waiting}}
        explained = {run.key: run for run in _Explaining(connection, there, self._bounds).explain(waiting)}
        return [explained.get(run.key, run) for run in found]

    def provisioning(self) -> sa.ColumnElement[bool]:
        """Return the condition of the runs that are shown as PROVISIONING."""
        return sa.and_(runs.c.slot.is_not(None), runs.c.pool.not_in(self._agents.pools()))

    def lease(self, change: Change, key: int, agent: str, slot: Slot, line: Line) -> None:
        """Give a run that waits to an agent."""
        lease = self._store.new_id()
        held = {"id": lease, "run_key": key, "agent": agent, "slot": slot.value, "cancel": False}
        _LEASE.run(change.connection, {**held, "demands": line.demands, "owner": line.owner})
        reason = f"starting on agent {agent}"
        now = self._store.clock.now()
        _LEASED.run(change.connection, {"at": key, "to": agent, "under": lease, "why": reason, "now": now})
        change.then(partial(self._agents.busy, agent))
        # Before anybody can know of it: a lease without a deadline is one that was lost.
        self._deadlines.begin(lease, agent)
        change.wake(agent_changed(agent))
        change.wake(run_changed(key))


class _Giving:
    """Gives away what there is room for in a pool, one run after the other; `alone`: to the one agent that is there."""

    def __init__(self, queue: Queue, change: Change, pool: str, there: Sequence[Agent], *, alone: bool = False) -> None:
        self._queue = queue
        self._change = change
        self._connection = change.connection
        self._pool = pool
        held = line.held_by(change.connection, there[0].id) if alone else line.held(change.connection)
        self._rooms = Rooms(there, held)
        self._bounds = queue.bounds
        self._running = Counter() if self._bounds.none else line.running(change.connection)
        self._alone = alone
        self._weighs = False

    def give(self) -> bool | None:
        """Return whether a run was given away; None where an agent alone cannot tell who is to get the next."""
        given = False
        for slot in Slot:
            # There is only less room from now on: what does not fit need not be tried again.
            refused: set[str] = set()
            while self._rooms.places(slot) and self._give_one(slot, refused):
                self._change.wake(pool_changed(self._pool))
                given = True
        return None if self._weighs else given

    def _give_one(self, slot: Slot, refused: set[str]) -> bool:
        """Give away the next run, or find out that there is none in its line; return whether to go on."""
        for head, keys in self._next(slot, refused):
            if self._alone and demands_of(head.demands).weigh:
                self._weighs = True
                return False
            if not keys:
                line.leave(self._connection, head)
                return True
            demands = demands_of(head.demands)
            agent = self._rooms.take(demands, slot)
            if agent is None:
                refused.add(head.demands)
                continue
            if line.lock(self._connection, keys[0]):
                self._lease(keys, agent, slot, head)
            else:
                # It was canceled meanwhile: its place is the next one's.
                self._rooms.give_back(agent, demands, slot)
            return True
        return False

    def _next(self, slot: Slot, refused: Collection[str]) -> Iterator[tuple[Line, list[int]]]:
        """Give the lines to be served, the next first, each with its first two runs."""
        full = self._bounds.full(self._running)
        heads = sorted(line.heads(self._connection, self._pool, slot, full))
        for _, alike in groupby(heads, key=lambda head: (head.rank, head.turn)):
            # The second run tells whether the line goes on.
            first = [
                (line.first(self._connection, self._pool, slot, head, 2), head)
                for head in alike
                if head.demands not in refused
            ]
            yield from ((head, keys) for keys, head in sorted(first))

    def _lease(self, keys: list[int], agent: str, slot: Slot, head: Line) -> None:
        self._queue.lease(self._change, keys[0], agent, slot, head)
        self._running[head.owner] += 1
        if len(keys) == 1:
            line.leave(self._connection, head)
        line.serve(self._connection, self._pool, slot, head)


class _Explaining:
    """Says of runs that wait what they wait for."""

    def __init__(self, connection: sa.Connection, there: dict[str, Sequence[Agent]], bounds: Bounds) -> None:
        self._connection = connection
        self._there = there
        self._bounds = bounds
        self._rooms: dict[str, Rooms] = {}

    @cached_property
    def _full(self) -> list[str]:
        return [] if self._bounds.none else self._bounds.full(line.running(self._connection))

    def explain(self, waiting: Sequence[Run]) -> list[Run]:
        return [run for (pool, slot) in _kinds(waiting) for run in self._explain(waiting, pool, slot)]

    def _explain(self, waiting: Sequence[Run], pool: str, slot: Slot) -> list[Run]:
        own = [run for run in waiting if (run.pool, slot_of(run.kind)) == (pool, slot)]
        there = self._there[pool]
        coming = expected(self._connection, pool)
        if not there:
            return [_provisioning(run, coming) for run in own]
        never = {run.key: why for run in own if (why := reasons.never(run, there))}

        @cache
        def counts(demands: str) -> bool:
            return any(could_take(agent, demands_of(demands), slot) for agent in there)

        queued = [run for run in own if run.key not in never]
        ahead = places(self._connection, queued, self._full, counts)
        more = f"; {coming.text}" if coming.text else ""
        return [
            replace(run, state_reason=never.get(run.key) or self._for_now(run, ahead[run.key]) + more) for run in own
        ]

    def _for_now(self, run: Run, place: Place) -> str:
        owner = owner_of(run.workspace, run.experiment)
        if owner in self._full:
            return reasons.bounded(run, self._bounds.of(owner), place.own)
        return reasons.for_now(run, place.all, only_busy=run.demands.weigh and self._only_busy(run))

    def _only_busy(self, run: Run) -> bool:
        if run.pool not in self._rooms:
            self._rooms[run.pool] = Rooms(self._there[run.pool], line.held(self._connection))
        return self._rooms[run.pool].only_busy(run.demands, slot_of(run.kind))


def _provisioning(run: Run, coming: Expected) -> Run:
    """Return a run with what it waits for while no machine of its pool is there."""
    never = reasons.never(run, [coming.machine]) if coming.machine else ""
    return replace(run, state=State.PROVISIONING, state_reason=never or coming.text or reasons.no_agent(run))


def _kinds(waiting: Sequence[Run]) -> list[tuple[str, Slot]]:
    return sorted({(run.pool, slot_of(run.kind)) for run in waiting})


def is_waiting(run: Run) -> bool:
    """Tell whether a run waits for an agent."""
    return run.state is State.QUEUED and not run.agent and run.retry_time is None


_LEASE = Statement(leases.insert())
_LEASED = Statement(
    runs.update()
    .where(runs.c.key == sa.bindparam("at"))
    .values(
        slot=None,
        agent=sa.bindparam("to"),
        lease=sa.bindparam("under"),
        attempts=runs.c.attempts + 1,
        state_reason=sa.bindparam("why"),
        leased_time=sa.bindparam("now"),
    )
)
