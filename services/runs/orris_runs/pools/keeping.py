"""Between min and max nodes: what is decided is a row before an engine hears of it.

So whoever goes on after kill -9 asks for the same nodes again, which changes nothing, and for no others.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orris_kit.database import take_turn
from orris_kit.ray_versions import RayVersions
from orris_kit.text import readable
from orris_runs import limits, line
from orris_runs.agents import Agents
from orris_runs.bounds import Bounds
from orris_runs.engines.port import EngineNode, NodePhase, NodeRequest
from orris_runs.moves import Moves
from orris_runs.pools import scaling
from orris_runs.pools.demand import more_nodes, waiting_in
from orris_runs.pools.model import SERVING, NodeState, Pool, PoolState, Presence
from orris_runs.pools.rows import find_pool, live_nodes, machine_to_text, ray_to_text
from orris_runs.pools.scaling import Demand, Ended, Seen
from orris_runs.rooms import Held
from orris_runs.schema import nodes, pools, runs
from orris_runs.states import FINAL
from orris_runs.store import Change, Store, pool_changed

POOL_DELETED = "its pool was deleted"


@dataclass(frozen=True, slots=True)
class Kept:
    """How a pool is kept: by which engine, and what that is told besides."""

    engine: str
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Todo:
    """What an engine is to be asked for now. `settled`: nothing is under way; `over`: the pool is no more."""

    start: Sequence[NodeRequest] = ()
    stop: Sequence[str] = ()
    settled: bool = True
    over: bool = False


@dataclass(slots=True)
class _Look:
    """A pool and its nodes, as one transaction sees them and goes on to change them."""

    change: Change
    pool: Pool
    rows: dict[str, Any]
    engine: Mapping[str, EngineNode]
    presences: Mapping[str, Presence]
    held: Held
    leases: Mapping[str, int]
    woken: bool = False
    states: dict[str, NodeState] = field(default_factory=dict)

    def live(self) -> list[str]:
        return [name for name, state in self.states.items() if state is not NodeState.GONE]


class Keeping:
    """The rules of pools that an engine keeps."""

    def __init__(self, store: Store, agents: Agents, bounds: Bounds, moves: Moves) -> None:
        self._store = store
        self._agents = agents
        self._bounds = bounds
        self._moves = moves
        self._since = store.clock.monotonic()

    def kept(self) -> dict[str, Kept]:
        """Return the pools that an engine keeps."""
        with self._store.look() as connection:
            chosen = sa.select(pools.c.id, pools.c.engine, pools.c.options).where(pools.c.engine != "")
            return {row.id: Kept(row.engine, json.loads(row.options)) for row in connection.execute(chosen)}

    def note_ray(self, pool_id: str, versions: RayVersions | None) -> None:
        """Note which Ray cluster a pool's nodes are on, None for none."""
        told = ray_to_text(versions)
        with self._store.change() as change:
            is_it = (pools.c.id == pool_id, pools.c.ray.is_distinct_from(told))
            if change.connection.execute(pools.update().where(*is_it).values(ray=told)).rowcount:
                change.wake(pool_changed(pool_id))

    def note_error(self, pool_id: str, error: str) -> None:
        """Say what keeps a pool from its nodes; empty: nothing does."""
        kept = readable(error, limits.REASON_CHARACTERS)
        with self._store.change() as change:
            is_it = (pools.c.id == pool_id, pools.c.error != kept)
            if change.connection.execute(pools.update().where(*is_it).values(error=kept)).rowcount:
                change.wake(pool_changed(pool_id))

    def look_after(self, pool_id: str, seen: Sequence[EngineNode]) -> Todo:
        """Note what the engine says of a pool's nodes, decide, and return what it is to be asked for."""
        with self._store.change() as change:
            # Nobody is given a run while it is decided which nodes go.
            take_turn(change.connection, "queue")
            pool = find_pool(change.connection, pool_id, lock=True)
            if pool is None:
                return Todo(stop=[node.id for node in seen], over=not seen, settled=False)
            look = self._look(change, pool, seen)
            self._note(look)
            self._decide(look)
            return self._conclude(look)

    def _look(self, change: Change, pool: Pool, seen: Sequence[EngineNode]) -> _Look:
        rows = {row.id: row for row in live_nodes(change.connection, pool.id)}
        held = line.held(change.connection)
        leases: dict[str, int] = {}
        for (agent, _, _, _), count in held.items():
            leases[agent] = leases.get(agent, 0) + count
        engine, presences = {node.id: node for node in seen}, self._agents.presences(pool.id)
        states = {name: row.state for name, row in rows.items()}
        return _Look(change, pool, rows, engine, presences, held, leases, states=states)

    def _note(self, look: _Look) -> None:
        """Note what has become of each node by itself."""
        for name, row in look.rows.items():
            told = look.engine.get(name)
            if told is not None and told.phase is not NodePhase.GONE:
                self._note_phase(look, row, told)
            elif row.state is NodeState.STOPPING:
                self._gone(look, row, row.end_reason, failed=row.failed)
            elif told is not None:
                self._lost(look, row, told.message or "its process has ended")
            elif row.state is not NodeState.STARTING:
                self._lost(look, row, f"the engine {look.pool.engine} does not know it any more")
            presence = look.presences.get(name)
            if look.states[name] is NodeState.STARTING and presence is not None and presence.connected:
                self._ready(look, row, presence)

    def _note_phase(self, look: _Look, row: Any, told: EngineNode) -> None:
        columns = {
            "phase": told.phase.value,
            "message": readable(told.message, limits.REASON_CHARACTERS),
            "host": readable(told.host or row.host, limits.LABEL_KEY),
        }
        if any(getattr(row, name) != value for name, value in columns.items()):
            if row.phase != told.phase.value:
                columns["phase_time"] = self._store.clock.now()  # type: ignore[assignment]  # the only one that is no text
            self._update(look, row.id, **columns)

    def _ready(self, look: _Look, row: Any, presence: Presence) -> None:
        self._set(look, row.id, NodeState.IDLE, ready_time=self._store.clock.now())
        machine = machine_to_text(presence.agent)
        look.change.connection.execute(pools.update().where(pools.c.id == look.pool.id).values(machine=machine))

    def _lost(self, look: _Look, row: Any, why: str) -> None:
        """A node has ended that was to go on; one that was to end, or was taken away, has said why before."""
        expected = row.state is NodeState.DRAINING
        self._gone(look, row, row.end_reason if expected else why, failed=not expected)

    def _gone(self, look: _Look, row: Any, why: str, *, failed: bool) -> None:
        now = self._store.clock.now()
        why = readable(why, limits.REASON_CHARACTERS)
        self._set(look, row.id, NodeState.GONE, end_time=now, end_reason=why, failed=failed)
        self._agents.forget(look.change, row.id)

    def _decide(self, look: _Look) -> None:
        now = self._store.clock.now()
        for node, why in list(scaling.to_give_up(self._seen(look), now)):
            message = look.rows[node.id].message
            said = f"{why}; {message}" if message else why
            self._set(look, node.id, NodeState.STOPPING, failed=True, end_reason=said)
        demand = self._demand(look)
        seen = self._seen(look)
        for node, why in list(scaling.to_drain(look.pool, seen, demand)):
            self._set(look, node.id, NodeState.DRAINING, end_reason=why)
        for name in [name for name, state in look.states.items() if state is NodeState.DRAINING]:
            if not look.leases.get(name):
                self._set(look, name, NodeState.STOPPING)
        self._start(look, demand)

    def _demand(self, look: _Look) -> Demand:
        waiting = waiting_in(look.change.connection, look.pool, look.held, self._bounds)
        serving = [name for name, state in look.states.items() if state in SERVING]
        there = [look.presences[name].agent for name in serving if self._connected(look, name)]
        coming = sum(look.states[name] is NodeState.STARTING and not self._connected(look, name) for name in serving)
        return Demand(bool(waiting), more_nodes(look.pool, waiting, there, coming, look.held))

    def _start(self, look: _Look, demand: Demand) -> None:
        count, why = scaling.to_start(look.pool, self._seen(look), demand)
        failures = scaling.in_succession(self._ended(look))
        error = ""
        if failures:
            last = max(each.end_time for each in failures)
            due = last + scaling.back_off(failures)
            counted = "the last node" if len(failures) == 1 else f"the last {len(failures)} nodes"
            error = f"{counted} did not stay: {failures[0].why}"
            if due > self._store.clock.now():
                error += f"; the next is asked for at {due:%H:%M:%S} UTC" if count else ""
                count = 0
        for _ in range(count):
            self._ask_for(look, why)
        if error != look.pool.error:
            look.woken = True
            kept = readable(error, limits.REASON_CHARACTERS)
            look.change.connection.execute(pools.update().where(pools.c.id == look.pool.id).values(error=kept))

    def _ask_for(self, look: _Look, why: str) -> None:
        now, name = self._store.clock.now(), f"{look.pool.id}-{self._store.new_id()[-10:]}"
        row = {
            "id": name,
            "pool": look.pool.id,
            "state": NodeState.STARTING,
            "reason": why,
            "end_reason": "",
            "phase": "",
            "phase_time": now,
            "message": "",
            "host": "",
            "failed": False,
            "preempted": False,
            "create_time": now,
        }
        look.change.connection.execute(nodes.insert(), row)
        look.states[name] = NodeState.STARTING
        look.woken = True

    def _conclude(self, look: _Look) -> Todo:
        pool, live = look.pool, look.live()
        serving = [name for name in live if look.states[name] in SERVING]
        look.change.then(lambda: self._agents.serve(pool.id, serving))
        if look.woken:
            self._forget_old(look)
            look.change.wake(pool_changed(pool.id))
        if pool.state is PoolState.DELETING and not live and not look.engine and self._end_pool(look):
            return Todo(over=True)
        starting = [name for name in live if look.states[name] is NodeState.STARTING and name not in look.engine]
        ending = [name for name in live if look.states[name] is NodeState.STOPPING]
        # What the engine has and nobody wants: of a node that is gone, or was never one.
        left = [name for name in look.engine if name not in live]
        steady = all(look.states[name] is NodeState.IDLE and self._connected(look, name) for name in live)
        return Todo(
            start=[_request(pool, name) for name in starting],
            stop=[*ending, *left],
            settled=steady and not left and pool.state is PoolState.ACTIVE and not pool.error,
        )

    def _end_pool(self, look: _Look) -> bool:
        """Remove a pool that is deleted, unless an agent has a run of it still; what waits for nothing is canceled.

        Runs that were submitted just before it was deleted are no more than that.
        """
        connection, pool_id = look.change.connection, look.pool.id
        active = (runs.c.pool == pool_id, runs.c.state.not_in(sorted(FINAL)))
        waiting = sa.select(runs).where(*active, runs.c.lease == "").order_by(runs.c.key)
        for row in connection.execute(waiting.with_for_update()).all():
            self._moves.ask_to_cancel(look.change, row, POOL_DELETED)
        if connection.execute(sa.select(runs.c.key).where(*active).limit(1)).first() is not None:
            return False
        connection.execute(nodes.delete().where(nodes.c.pool == pool_id))
        connection.execute(pools.delete().where(pools.c.id == pool_id))
        look.change.then(lambda: self._agents.serve(pool_id, None))
        look.change.wake(pool_changed(pool_id))
        return True

    def _forget_old(self, look: _Look) -> None:
        gone = sa.select(nodes.c.key).where(nodes.c.pool == look.pool.id, nodes.c.state == NodeState.GONE)
        old = gone.order_by(nodes.c.key.desc()).offset(limits.NODES_REMEMBERED).limit(limits.NODES_REMEMBERED)
        keys = list(look.change.connection.execute(old).scalars())
        if keys:
            look.change.connection.execute(nodes.delete().where(nodes.c.key.in_(keys)))

    def _ended(self, look: _Look) -> list[Ended | None]:
        """Return the last nodes that have become ready or gone, the newest first; None for those that did not fail."""
        over = (NodeState.GONE, NodeState.STOPPING, NodeState.IDLE)
        chosen = sa.select(nodes).where(nodes.c.pool == look.pool.id, nodes.c.state.in_(over))
        rows = look.change.connection.execute(chosen.order_by(nodes.c.key.desc()).limit(20)).all()
        return [_ended(row, self._store.clock.now()) for row in rows]

    def _seen(self, look: _Look) -> list[Seen]:
        now = self._store.clock.monotonic()
        found = []
        for name in look.live():
            row = look.rows.get(name)
            if row is None:
                continue
            presence = look.presences.get(name)
            age = (self._store.clock.now() - row.create_time) / timedelta(seconds=1)
            unseen = min(now - self._since, age)
            found.append(
                Seen(
                    id=name,
                    state=look.states[name],
                    waits=row.phase == NodePhase.WAITING.value,
                    phase_time=row.phase_time,
                    connected=self._connected(look, name),
                    silent=unseen if presence is None else presence.silent,
                    idle=unseen if presence is None else presence.idle,
                    leases=look.leases.get(name, 0),
                )
            )
        return found

    def _connected(self, look: _Look, name: str) -> bool:
        return name in look.presences and look.presences[name].connected

    def _set(self, look: _Look, name: str, state: NodeState, **columns: Any) -> None:
        look.states[name] = state
        look.woken = True
        self._update(look, name, state=state, **columns)

    def _update(self, look: _Look, name: str, **columns: Any) -> None:
        look.change.connection.execute(nodes.update().where(nodes.c.id == name).values(**columns))


def _request(pool: Pool, name: str) -> NodeRequest:
    asked = pool.node_resources
    return NodeRequest(name, pool.id, asked.cpus, asked.memory_bytes, pool.node_slots, pool.options)


def _ended(row: Any, now: datetime) -> Ended | None:
    if not row.failed:
        return None
    end = row.end_time or now
    lived = (end - row.ready_time).total_seconds() if row.ready_time else 0.0
    return Ended(lived, end, row.end_reason)
