"""Handlers of PoolService."""

from collections.abc import AsyncIterator
from typing import Any

from orris.errors import PermissionDenied
from orris.names import NodeName, PoolName
from orris.runs.v1 import pools_service_pb2 as pb
from orris.runs.v1.pools_service_pb2_grpc import PoolServiceServicer
from orris_kit.access import allow
from orris_kit.auth import EVERY_WORKSPACE, Role
from orris_kit.blocking import run_blocking
from orris_kit.context import current_principal
from orris_kit.draining import until_draining
from orris_kit.paging import page_size
from orris_runs.core import Core
from orris_runs.pools.model import DEFAULT_IDLE_SECONDS, NewPool, Node, Pool, PoolUpdate
from orris_runs.pools.watching import watch_pool
from orris_runs.translation import agent_message, duration, fitting, resources, resources_message, seconds, timestamp

readers = allow(Role.USER, Role.READER, Role.SERVICE, Role.AGENT)
writers = allow(Role.USER, Role.SERVICE)


class PoolServicer(PoolServiceServicer):
    """Pools and their nodes over gRPC."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._pools = core.pools

    @writers
    async def CreatePool(self, request: pb.CreatePoolRequest, context: Any) -> pb.CreatePoolResponse:
        _refuse_those_of_one_workspace()
        payload = request.SerializeToString(deterministic=True) if request.request_id else b""
        new = _new_pool(request.pool_id, request.pool)
        made = await run_blocking(self._pools.create, new, request.request_id, payload)
        return pb.CreatePoolResponse(pool=_pool_message(made))

    @readers
    async def GetPool(self, request: pb.GetPoolRequest, context: Any) -> pb.GetPoolResponse:
        found = await run_blocking(self._pools.get, PoolName.parse(request.name).pool)
        return pb.GetPoolResponse(pool=_pool_message(found))

    @readers
    async def ListPools(self, request: pb.ListPoolsRequest, context: Any) -> pb.ListPoolsResponse:
        size = page_size(request.page_size, default=100)
        found, token = await run_blocking(self._pools.list, size, request.page_token)
        return pb.ListPoolsResponse(pools=map(_pool_message, found), next_page_token=token)

    @writers
    async def UpdatePool(self, request: pb.UpdatePoolRequest, context: Any) -> pb.UpdatePoolResponse:
        _refuse_those_of_one_workspace()
        name = PoolName.parse(request.name)
        updated = await run_blocking(self._pools.update, name.pool, _update(request))
        return pb.UpdatePoolResponse(pool=_pool_message(updated))

    @writers
    async def DeletePool(self, request: pb.DeletePoolRequest, context: Any) -> pb.DeletePoolResponse:
        _refuse_those_of_one_workspace()
        await run_blocking(self._pools.delete, PoolName.parse(request.name).pool)
        return pb.DeletePoolResponse()

    @readers
    async def WatchPool(self, request: pb.WatchPoolRequest, context: Any) -> AsyncIterator[pb.WatchPoolResponse]:
        async for pool, gone in until_draining(watch_pool(self._core, PoolName.parse(request.name).pool)):
            yield pb.WatchPoolResponse(pool=_pool_message(pool), end=gone)

    @readers
    async def ListNodes(self, request: pb.ListNodesRequest, context: Any) -> pb.ListNodesResponse:
        name = PoolName.parse(request.parent, field="parent")
        found = await run_blocking(self._pools.nodes, name.pool, gone=request.show_gone)
        return pb.ListNodesResponse(nodes=fitting(map(_node_message, found)))


def _refuse_those_of_one_workspace() -> None:
    """Pools are everybody's: who belongs to one workspace uses them, and does not change them."""
    if current_principal().workspace != EVERY_WORKSPACE:
        message = "pools belong to the installation: ask somebody whose token is for all workspaces"
        raise PermissionDenied(message, reason="OTHER_WORKSPACE")


def _new_pool(pool_id: str, pool: pb.Pool) -> NewPool:
    return NewPool(
        id=pool_id,
        engine=pool.engine,
        min_nodes=pool.min_nodes,
        max_nodes=pool.max_nodes,
        idle_seconds=seconds(pool.idle_time) or DEFAULT_IDLE_SECONDS,
        node_slots=pool.node_slots or 1,
        node_resources=resources(pool.node_resources),
        options=dict(pool.options),
        description=pool.description,
        tags=dict(pool.tags),
    )


def _update(request: pb.UpdatePoolRequest) -> PoolUpdate:
    given = {
        name: getattr(request, name) for name in ("min_nodes", "max_nodes", "description") if request.HasField(name)
    }
    if request.HasField("idle_time"):
        given["idle_seconds"] = seconds(request.idle_time)
    return PoolUpdate(**given, set_tags=dict(request.set_tags))


def _pool_message(pool: Pool) -> pb.Pool:
    counts = (
        pb.NodeCount(state=state.value, count=count)  # type: ignore[arg-type]  # the numbers are the contract's
        for state, count in sorted(pool.node_counts.items())
    )
    return pb.Pool(
        name=str(PoolName(pool.id)),
        engine=pool.engine,
        min_nodes=pool.min_nodes,
        max_nodes=pool.max_nodes,
        idle_time=duration(pool.idle_seconds),
        node_slots=pool.node_slots,
        node_resources=resources_message(pool.node_resources),
        options=pool.options,
        description=pool.description,
        tags=pool.tags,
        state=pool.state.value,  # type: ignore[arg-type]  # the same
        error=pool.error,
        create_time=timestamp(pool.create_time),
        update_time=timestamp(pool.update_time),
        node_counts=counts,
        waiting_runs=pool.waiting,
        ray_cluster=pb.RayCluster(ray_version=pool.ray.ray, python_version=pool.ray.python) if pool.ray else None,
    )


def _node_message(node: Node) -> pb.Node:
    return pb.Node(
        name=str(NodeName(node.pool, node.id)),
        state=node.state.value,  # type: ignore[arg-type]  # the numbers are the contract's
        reason=node.reason,
        end_reason=node.end_reason,
        message=node.message,
        host=node.host,
        create_time=timestamp(node.create_time),
        ready_time=timestamp(node.ready_time),
        end_time=timestamp(node.end_time),
        preempted=node.preempted,
        agent=agent_message(node.agent) if node.agent is not None else None,
    )
