"""Pools: the machines that runs are submitted to. Those of a pool with an engine come and go as runs need them."""

from __future__ import annotations

import builtins
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration

from orris.errors import DeadlineExceeded, InvalidArgument, NotFound
from orris.names import PoolName
from orris.runs.v1 import pools_service_pb2 as pb
from orris.sdk.connection import Connection
from orris.sdk.paging import pages
from orris.sdk.resources import Resources, resources_details
from orris.sdk.spelling import moment, spell

# Less time than this is none at all: gRPC would not even ask.
LEAST_SECONDS = 0.001
_NODE_STATES = pb.DESCRIPTOR.message_types_by_name["Node"].enum_types_by_name["State"]
_POOL_STATES = pb.DESCRIPTOR.message_types_by_name["Pool"].enum_types_by_name["State"]


class Pool:
    """A pool as it was when it was last read; `refresh` reads it again."""

    def __init__(self, connection: Connection, message: pb.Pool) -> None:
        self.connection = connection
        self.message = message

    @classmethod
    def create(
        cls,
        name: str,
        *,
        engine: str = "local",
        min_nodes: int = 0,
        max_nodes: int = 1,
        idle_seconds: float | None = None,
        slots: int = 1,
        resources: Resources | None = None,
        options: Mapping[str, str] | None = None,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        connection: Connection | None = None,
    ) -> Pool:
        """Create a pool of `min_nodes` to `max_nodes` machines; an idle one is kept for `idle_seconds` (30 minutes).

        `engine` keeps them: "local" on the machine of the service; "" for a pool that agents come to by themselves.
        `slots` is how many runs a machine executes at a time, `resources` (cpus, memory) what it is asked for with.
        Raises AlreadyExists, InvalidArgument that names each field that cannot be used.
        """
        connection = connection or Connection.find()
        pool = pb.Pool(
            engine=engine,
            min_nodes=_count(min_nodes, "min_nodes"),
            max_nodes=_count(max_nodes, "max_nodes") if engine else 0,
            idle_time=_length(idle_seconds),
            node_slots=_count(slots, "slots"),
            node_resources=resources.to_message() if resources else None,
            options=dict(options or {}),
            description=description,
            tags=dict(tags or {}),
        )
        request = pb.CreatePoolRequest(pool_id=name, pool=pool, request_id=uuid.uuid4().hex)
        return cls(connection, connection.pools.CreatePool(request).pool)

    @classmethod
    def get(cls, name: str, connection: Connection | None = None) -> Pool:
        """Return a pool by its name. Raises NotFound."""
        connection = connection or Connection.find()
        request = pb.GetPoolRequest(name=str(PoolName(name)))
        return cls(connection, connection.pools.GetPool(request).pool)

    @classmethod
    def list(cls, connection: Connection | None = None) -> builtins.list[Pool]:
        """Return all pools by name."""
        connection = connection or Connection.find()
        found = pages(connection.pools.ListPools, pb.ListPoolsRequest(), lambda page: page.pools)
        return [cls(connection, each) for each in found]

    @property
    def name(self) -> str:
        return PoolName.parse(self.message.name).pool

    @property
    def state(self) -> str:
        """ "Active" or "Deleting"."""
        return spell(_POOL_STATES, self.message.state)

    @property
    def error(self) -> str:
        """What keeps it from having the nodes it wants; empty if nothing does."""
        return self.message.error

    @property
    def node_counts(self) -> dict[str, int]:
        """How many nodes there are in which state: Starting, Idle, Running, Draining, Stopping, Unreachable."""
        return {spell(_NODE_STATES, each.state): each.count for each in self.message.node_counts}

    @property
    def node_count(self) -> int:
        """How many nodes there are that execute runs, or could."""
        return sum(self.node_counts.get(state, 0) for state in ("Idle", "Running"))

    def refresh(self) -> Pool:
        """Read it again. Raises NotFound once it is gone."""
        self.message = Pool.get(self.name, self.connection).message
        return self

    def update(
        self,
        *,
        min_nodes: int | None = None,
        max_nodes: int | None = None,
        idle_seconds: float | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Pool:
        """Change what is given; nodes beyond a smaller number end once their runs have."""
        request = pb.UpdatePoolRequest(
            name=self.message.name,
            min_nodes=None if min_nodes is None else _count(min_nodes, "min_nodes"),
            max_nodes=None if max_nodes is None else _count(max_nodes, "max_nodes"),
            idle_time=_length(idle_seconds),
            description=description,
            set_tags=dict(tags or {}),
        )
        self.message = self.connection.pools.UpdatePool(request).pool
        return self

    def delete(self) -> None:
        """Let its nodes end, then it is gone. Raises FailedPrecondition while runs need it."""
        self.connection.pools.DeletePool(pb.DeletePoolRequest(name=self.message.name))

    def nodes(self, *, gone: bool = False) -> builtins.list[dict[str, Any]]:
        """Return its nodes, the newest first.

        Each has name, state, host, runs, slots, resources, platform, reason (why it came), endReason (why it goes, or
        went), message (what its engine says), preempted, and created, ready, ended.
        """
        request = pb.ListNodesRequest(parent=self.message.name, show_gone=gone)
        return [_node(each) for each in self.connection.pools.ListNodes(request).nodes]

    def details(self) -> dict[str, Any]:
        """Return all that is known of it."""
        message = self.message
        return {
            "name": self.name,
            "state": self.state,
            "engine": message.engine,
            "minNodes": message.min_nodes,
            "maxNodes": message.max_nodes,
            "idleSeconds": message.idle_time.ToTimedelta().total_seconds(),
            "slots": message.node_slots,
            "resources": resources_details(message.node_resources),
            "options": dict(message.options),
            "description": message.description,
            "tags": dict(message.tags),
            "error": message.error,
            "nodeCounts": self.node_counts,
            "waitingRuns": message.waiting_runs,
            "ray": _ray(message),
            "created": moment(message.create_time),
            "updated": moment(message.update_time),
        }

    def watch(self, timeout_seconds: float | None = None) -> Iterator[Pool]:
        """Yield it as it stands, and whenever it has changed, until it is gone. This object changes along.

        Raises NotFound where it is gone already, DeadlineExceeded when the time is over.
        """
        from orris.sdk.streams import watch

        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        request = pb.WatchPoolRequest(name=self.message.name)

        def opened() -> Iterable[pb.WatchPoolResponse]:
            left = None if end is None else max(end - time.monotonic(), LEAST_SECONDS)
            messages: Iterable[pb.WatchPoolResponse] = self.connection.pools.WatchPool(request, timeout=left)
            return messages

        for message in watch(opened, lambda message: message.end):
            self.message = message.pool
            if not message.end:
                yield self

    def wait_for_nodes(
        self, count: int, timeout_seconds: float | None = None, each_time: Callable[[Pool], object] = lambda _: None
    ) -> None:
        """Return when so many nodes are there, calling `each_time` whenever the pool has changed before.

        Raises DeadlineExceeded, NotFound where the pool is deleted meanwhile.
        """
        if self.refresh().node_count >= count:
            return
        try:
            for _ in self.watch(timeout_seconds):
                if self.node_count >= count:
                    return
                each_time(self)
        except DeadlineExceeded as error:
            why = f": {self.error}" if self.error else ""
            raise DeadlineExceeded(f"pool {self.name} has {self.node_count} of {count} nodes{why}") from error
        raise NotFound(f"pool {self.name} was deleted before it had {count} nodes", reason="POOL_NOT_FOUND")

    def wait_until_gone(self, timeout_seconds: float | None = None) -> None:
        """Return when a deleted pool is gone. Raises DeadlineExceeded."""
        try:
            for _ in self.watch(timeout_seconds):
                pass
        except NotFound:
            return
        except DeadlineExceeded as error:
            raise DeadlineExceeded(f"pool {self.name} is there still: its nodes end") from error

    def __repr__(self) -> str:
        return f"Pool({self.name!r})"


def _ray(message: pb.Pool) -> dict[str, str] | None:
    """Return the versions of the Ray cluster that its machines are on; None for none."""
    cluster = message.ray_cluster
    return {"ray": cluster.ray_version, "python": cluster.python_version} if cluster.ray_version else None


def _node(message: pb.Node) -> dict[str, Any]:
    agent = message.agent
    times: dict[str, datetime | None] = {
        "created": moment(message.create_time),
        "ready": moment(message.ready_time),
        "ended": moment(message.end_time),
    }
    return {
        "name": message.name.rpartition("/")[2],
        "state": spell(_NODE_STATES, message.state),
        "host": message.host,
        "runs": [run.rpartition("/")[2] for run in agent.runs],
        "slots": agent.slots,
        "resources": resources_details(agent.resources),
        "platform": agent.platform,
        "reason": message.reason,
        "endReason": message.end_reason,
        "message": message.message,
        "preempted": message.preempted,
        **times,
    }


def _count(value: int, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise InvalidArgument(f"{field}: give a whole number, not {value!r}", field=field)
    return value


def _length(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    try:
        length = Duration()
        length.FromNanoseconds(int(seconds * 1e9))
    except (ValueError, OverflowError, TypeError) as error:
        message = f"idle_seconds: give a number of seconds, not {seconds!r}"
        raise InvalidArgument(message, field="idle_seconds") from error
    return length
