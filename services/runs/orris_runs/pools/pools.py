"""Pools as people make, change and delete them."""

import builtins
import json
import threading
from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from orris.errors import AlreadyExists, FailedPrecondition, NotFound
from orris_kit.database import insert_new
from orris_kit.paging import after_key, page_token
from orris_runs import limits
from orris_runs.agent_rows import check_agent
from orris_runs.agents import Agents
from orris_runs.model import DEFAULT_POOL, Agent
from orris_runs.pools.checks import EngineOptions, check_pool, check_update
from orris_runs.pools.model import SERVING, NewPool, Node, NodeState, Pool, PoolState, PoolUpdate
from orris_runs.pools.rows import LIVE, as_asked, as_seen, find_pool, live_nodes, node_of, pool_of, pool_to_row
from orris_runs.schema import nodes, pools, requests, runs
from orris_runs.states import FINAL
from orris_runs.store import POOLS_CHANGED, Change, Store, pool_changed


class Pools:
    """The pools of this installation. `engines` are those that can be had."""

    def __init__(self, store: Store, agents: Agents, engines: EngineOptions) -> None:
        self._store = store
        self._agents = agents
        self._engines = engines
        self._lock = threading.Lock()
        # Those that take runs. A submission looks here: it costs no statement.
        self._known: frozenset[str] = frozenset()

    def take_up(self) -> None:
        """After a start, make the default pool where it is missing, and learn which pools and nodes there are."""
        with self._store.change() as change:
            self.ensure(change, DEFAULT_POOL)
        with self._store.look() as connection:
            found = list(map(pool_of, connection.execute(sa.select(pools))))
            serving = {pool.id: _serving(connection, pool.id) for pool in found if pool.engine}
        for pool in found:
            self._learn(pool.id, pool.state is PoolState.ACTIVE)
        for pool_id, ids in serving.items():
            self._agents.serve(pool_id, ids)

    def ensure(self, change: Change, pool_id: str) -> None:
        """Make a pool that agents come to by themselves, unless there is one of that name."""
        if pool_id not in self._known and insert_new(change.connection, pools, [self._row(NewPool(pool_id))]):
            change.then(lambda: self._learn(pool_id, True))

    def admit(self, agent: Agent) -> Agent:
        """Make an agent known, and the pool that it comes to where there is none. Raises as `Agents.register`."""
        check_agent(agent)
        if agent.pool not in self._known:
            with self._store.change() as change:
                self.ensure(change, agent.pool)
        return self._agents.register(agent)

    def require(self, pool_id: str) -> None:
        """Raise NotFound (POOL_NOT_FOUND) unless runs can be submitted to a pool."""
        if pool_id not in self._known:
            raise _missing(pool_id, self._known)

    def create(self, new: NewPool, request_id: str = "", payload: bytes = b"") -> Pool:
        """Make a pool; return it, or what the same request made before.

        Raises AlreadyExists (POOL_EXISTS), InvalidArgument (INVALID_POOL).
        """
        check_pool(new, self._engines)
        requested = ("CreatePool", "", request_id, payload)
        with self._store.change() as change:
            if (made := requests.recall(change.connection, *requested)) is None:
                if not insert_new(change.connection, pools, [self._row(new)]):
                    message = f"there is a pool {new.id!r} already; update it, or choose another id"
                    raise AlreadyExists(message, reason="POOL_EXISTS")
                requests.remember(change.connection, *requested, new.id)
                if new.engine:
                    # Before anybody can submit to it: from the start, only its nodes get its runs.
                    change.then(lambda: self._agents.serve(new.id, ()))
                change.then(lambda: self._learn(new.id, True))
                change.wake(POOLS_CHANGED)
            return self._require(change.connection, made or new.id)

    def get(self, pool_id: str) -> Pool:
        """Return one. Raises NotFound (POOL_NOT_FOUND)."""
        with self._store.look() as connection:
            return self._counted(connection, self._require(connection, pool_id))

    def list(self, size: int, token: str) -> tuple[builtins.list[Pool], str]:
        """Return a page by name, and the token of the next."""
        after = after_key(token, {"list": "pools"}, str)
        chosen = sa.select(pools).order_by(pools.c.id).limit(size + 1)
        if after:
            chosen = chosen.where(pools.c.id > after[0])
        with self._store.look() as connection:
            found = list(map(pool_of, connection.execute(chosen)))
            page = [self._counted(connection, each) for each in found[:size]]
        return page, page_token((page[-1].id,), {"list": "pools"}) if len(found) > size else ""

    def update(self, pool_id: str, update: PoolUpdate) -> Pool:
        """Change a pool. Raises NotFound, InvalidArgument (INVALID_POOL), FailedPrecondition (POOL_DELETED)."""
        given = {name: getattr(update, name) for name in ("min_nodes", "max_nodes", "idle_seconds", "description")}
        given = {name: value for name, value in given.items() if value is not None}
        with self._store.change() as change:
            pool = self._require(change.connection, pool_id, lock=True)
            if pool.state is PoolState.DELETING:
                raise FailedPrecondition(f"the pool {pool_id!r} is being deleted", reason="POOL_DELETED")
            tags = {**pool.tags, **update.set_tags}
            check_update(replace(as_asked(pool), **given, tags=tags), update)
            columns = {**given, "tags": json.dumps(tags), "update_time": self._store.clock.now()}
            change.connection.execute(pools.update().where(pools.c.id == pool_id).values(columns))
            change.wake(POOLS_CHANGED)
            change.wake(pool_changed(pool_id))
            return self._counted(change.connection, self._require(change.connection, pool_id))

    def delete(self, pool_id: str) -> None:
        """Let a pool's nodes end, and then itself.

        Raises NotFound, FailedPrecondition (POOL_IN_USE, POOL_IS_DEFAULT).
        """
        if pool_id == DEFAULT_POOL:
            raise FailedPrecondition(f"the pool {DEFAULT_POOL!r} is always there", reason="POOL_IS_DEFAULT")
        with self._store.change() as change:
            pool = self._require(change.connection, pool_id, lock=True)
            self._refuse_in_use(change.connection, pool)
            is_it = pools.c.id == pool_id
            if pool.engine:
                change.connection.execute(pools.update().where(is_it).values(state=PoolState.DELETING))
            else:
                change.connection.execute(pools.delete().where(is_it))
            change.then(lambda: self._learn(pool_id, False))
            change.wake(POOLS_CHANGED)
            change.wake(pool_changed(pool_id))

    def nodes(self, pool_id: str, *, gone: bool = False) -> builtins.list[Node]:
        """Return the nodes of a pool, the newest first; of one without an engine, its agents. Raises NotFound."""
        with self._store.look() as connection:
            pool = self._require(connection, pool_id)
            agents = {each.id: each for each in self._agents.of_pool(connection, pool_id)}
            if not pool.engine:
                return [as_seen(_by_itself(pool_id, agent)) for agent in agents.values()][: limits.NODES_LISTED]
            chosen = sa.select(nodes).where(nodes.c.pool == pool_id, sa.true() if gone else LIVE)
            found = connection.execute(chosen.order_by(nodes.c.key.desc()).limit(limits.NODES_LISTED)).all()
        return [as_seen(node_of(row, agents.get(row.id))) for row in found]

    def _refuse_in_use(self, connection: sa.Connection, pool: Pool) -> None:
        active = sa.select(sa.func.count()).where(runs.c.pool == pool.id, runs.c.state.not_in(sorted(FINAL)))
        if count := connection.execute(active).scalar_one():
            what = f"{count} run{' is' if count == 1 else 's are'} not over in the pool {pool.id!r}"
            raise FailedPrecondition(f"{what}: cancel them, or wait for their end", reason="POOL_IN_USE")
        there = self._agents.there(pool.id)
        if there and not pool.engine:
            message = f"agent {there[0].id} belongs to the pool {pool.id!r} and is connected: stop it first"
            raise FailedPrecondition(message, reason="POOL_IN_USE")

    def _counted(self, connection: sa.Connection, pool: Pool) -> Pool:
        waiting = sa.select(sa.func.count()).where(runs.c.pool == pool.id, runs.c.slot.is_not(None))
        agents = {each.id: each for each in self._agents.of_pool(connection, pool.id)}
        if pool.engine:
            found = [node_of(row, agents.get(row.id)) for row in live_nodes(connection, pool.id)]
        else:
            found = [_by_itself(pool.id, agent) for agent in agents.values()]
        counts: dict[NodeState, int] = {}
        for node in map(as_seen, found):
            counts[node.state] = counts.get(node.state, 0) + 1
        return replace(pool, node_counts=counts, waiting=connection.execute(waiting).scalar_one())

    def _require(self, connection: sa.Connection, pool_id: str, *, lock: bool = False) -> Pool:
        if (pool := find_pool(connection, pool_id, lock=lock)) is None:
            raise _missing(pool_id, self._known)
        return pool

    def _row(self, pool: NewPool) -> dict[str, object]:
        now = self._store.clock.now()
        said: dict[str, object] = pool_to_row(pool)
        return {
            **said,
            "state": PoolState.ACTIVE,
            "error": "",
            "machine": "",
            "create_time": now,
            "update_time": now,
        }

    def _learn(self, pool_id: str, takes_runs: bool) -> None:
        with self._lock:
            self._known = self._known | {pool_id} if takes_runs else self._known - {pool_id}


def _by_itself(pool_id: str, agent: Agent) -> Node:
    """Return an agent that came by itself, as a node."""
    return Node(
        id=agent.id,
        pool=pool_id,
        state=NodeState.DRAINING if agent.draining else NodeState.IDLE,
        reason="it came by itself",
        end_reason=agent.draining,
        message="",
        host=agent.hostname,
        create_time=None,
        ready_time=None,
        end_time=None,
        preempted=False,
        agent=agent,
    )


def _serving(connection: sa.Connection, pool_id: str) -> builtins.list[str]:
    chosen = sa.select(nodes.c.id).where(nodes.c.pool == pool_id, nodes.c.state.in_(SERVING))
    return list(connection.execute(chosen).scalars())


def _missing(pool_id: str, known: Iterable[str]) -> NotFound:
    there = ", ".join(sorted(known)[:20])
    message = f"there is no pool {pool_id[:100]!r}; there are: {there}. Create it, or name another"
    return NotFound(message, reason="POOL_NOT_FOUND")
