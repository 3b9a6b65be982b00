"""The endpoint service's handlers: translate, say who may call, leave the rules to the core."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from orris.errors import InvalidArgument, NotFound
from orris.inference.v1 import inference_service_pb2 as pb
from orris.inference.v1.inference_service_pb2_grpc import EndpointServiceServicer
from orris.names import EndpointName, WorkspaceName
from orris_inference.core import Endpoints
from orris_inference.keepers import Keepers
from orris_inference.model import State, Wish
from orris_inference.routes import Routes
from orris_inference.served_script import Scripts
from orris_inference.statistics_message import statistics_message
from orris_inference.translation import endpoint_message, wish_of
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.blocking import run_blocking
from orris_kit.changes import Changes
from orris_kit.context import current_principal
from orris_kit.draining import until_draining
from orris_kit.paging import after_key, page_size, page_token

PAGE = 100
LOG_MESSAGE_BYTES = 1024 * 1024
LOOK_AGAIN_SECONDS = 30.0
_KEYS = {pb.KEY_NAME_PRIMARY: "primary_key", pb.KEY_NAME_SECONDARY: "secondary_key"}

deployers = allow(Role.USER, Role.SERVICE)
readers = allow(Role.USER, Role.SERVICE, Role.READER)


class EndpointServicer(EndpointServiceServicer):
    """Endpoints over gRPC. `base_url`: what their URLs begin with."""

    def __init__(
        self, core: Endpoints, keepers: Keepers, scripts: Scripts, changes: Changes, routes: Routes, base_url: str
    ) -> None:
        self._core = core
        self._keepers = keepers
        self._scripts = scripts
        self._changes = changes
        self._routes = routes
        self._base_url = base_url

    @deployers
    async def CreateEndpoint(self, request: pb.CreateEndpointRequest, context: Any) -> pb.CreateEndpointResponse:
        workspace = WorkspaceName.parse(request.parent, field="parent").workspace
        wish, what = (wish_of(request.endpoint), (request.endpoint_id, request.overwrite, request.request_id))
        endpoint_id, overwrite, request_id = what
        self._core.check(workspace, endpoint_id, wish)
        made = await run_blocking(self._core.made_by, workspace, endpoint_id, wish, overwrite, request_id)
        if made is not None:
            return pb.CreateEndpointResponse(endpoint=endpoint_message(made, self._base_url))
        await self._check_outside(wish)
        name = str(EndpointName(workspace, endpoint_id))
        try:
            async with self._keepers.uses:
                for version in wish.models:
                    await self._scripts.models.set_use(version, name, in_use=True)
                endpoint, superfluous = await run_blocking(
                    self._core.create, workspace, endpoint_id, wish,
                    overwrite=overwrite, request_id=request_id, by=current_principal().subject,
                )  # fmt: skip
                newest = await run_blocking(self._core.deployments.of_endpoint, endpoint)
                self._keepers.deployed(endpoint, newest, superfluous)
        except Exception:
            await self._keepers.release(name, wish.models)
            raise
        return pb.CreateEndpointResponse(endpoint=endpoint_message(endpoint, self._base_url))

    @readers
    async def GetEndpoint(self, request: pb.GetEndpointRequest, context: Any) -> pb.GetEndpointResponse:
        endpoint = await run_blocking(self._core.get, EndpointName.parse(request.name))
        return pb.GetEndpointResponse(endpoint=endpoint_message(endpoint, self._base_url))

    @readers
    async def ListEndpoints(self, request: pb.ListEndpointsRequest, context: Any) -> pb.ListEndpointsResponse:
        workspace = WorkspaceName.parse(request.parent, field="parent").workspace
        query = {"list": "endpoints", "parent": request.parent}
        size = page_size(request.page_size, default=PAGE)
        key = after_key(request.page_token, query, str) or ("",)
        found = await run_blocking(self._core.page, workspace, str(key[0]), size + 1)
        return pb.ListEndpointsResponse(
            endpoints=[endpoint_message(endpoint, self._base_url) for endpoint in found[:size]],
            next_page_token=page_token((found[size - 1].id,), query) if len(found) > size else "",
        )

    @readers
    async def WatchEndpoint(
        self, request: pb.WatchEndpointRequest, context: Any
    ) -> AsyncIterator[pb.WatchEndpointResponse]:
        async for response in until_draining(self._watch(EndpointName.parse(request.name))):
            yield response

    @deployers
    async def DeleteEndpoint(self, request: pb.DeleteEndpointRequest, context: Any) -> pb.DeleteEndpointResponse:
        endpoint, retired = await run_blocking(self._core.delete, EndpointName.parse(request.name))
        await self._keepers.deleted(endpoint, retired)
        return pb.DeleteEndpointResponse()

    @readers
    async def GetEndpointStatistics(
        self, request: pb.GetEndpointStatisticsRequest, context: Any
    ) -> pb.GetEndpointStatisticsResponse:
        endpoint = await run_blocking(self._core.get, EndpointName.parse(request.name))
        statistics = self._routes.find(endpoint.id).statistics
        return pb.GetEndpointStatisticsResponse(statistics=statistics_message(statistics))

    @deployers
    async def GetEndpointKeys(self, request: pb.GetEndpointKeysRequest, context: Any) -> pb.GetEndpointKeysResponse:
        endpoint = await run_blocking(self._core.get, EndpointName.parse(request.name))
        return pb.GetEndpointKeysResponse(primary_key=endpoint.primary_key, secondary_key=endpoint.secondary_key)

    @deployers
    async def RegenerateEndpointKey(
        self, request: pb.RegenerateEndpointKeyRequest, context: Any
    ) -> pb.RegenerateEndpointKeyResponse:
        column = _KEYS.get(request.key)
        if column is None:
            raise InvalidArgument("key must be PRIMARY or SECONDARY", field="key", reason="INVALID_KEY_NAME")
        endpoint = await run_blocking(self._core.regenerate_key, EndpointName.parse(request.name), column)
        self._keepers.changed(endpoint)
        return pb.RegenerateEndpointKeyResponse(primary_key=endpoint.primary_key, secondary_key=endpoint.secondary_key)

    @readers
    async def ReadEndpointLog(
        self, request: pb.ReadEndpointLogRequest, context: Any
    ) -> AsyncIterator[pb.ReadEndpointLogResponse]:
        name = EndpointName.parse(request.name)
        if request.offset < 0:
            raise InvalidArgument("offset must not be negative", field="offset")
        async for response in until_draining(self._read_log(name, request.offset, request.follow)):
            yield response

    async def _check_outside(self, wish: Wish) -> None:
        """Raise NotFound, InvalidArgument for what the neighbours know that cannot be deployed."""
        if wish.code is None:
            await self._scripts.models.check_served(wish.model_version)
            return
        await self._scripts.check(wish.code)
        for version in wish.models:
            await self._scripts.models.get(version)

    async def _watch(self, name: EndpointName) -> AsyncIterator[pb.WatchEndpointResponse]:
        seen = None
        async with self._changes.watch(name.endpoint) as waiter:
            while True:
                endpoint = await run_blocking(self._core.get, name)
                if endpoint != seen:
                    yield pb.WatchEndpointResponse(endpoint=endpoint_message(endpoint, self._base_url))
                if endpoint.state in (State.HEALTHY, State.FAILED):
                    return
                seen = endpoint
                await waiter.wait(LOOK_AGAIN_SECONDS)

    async def _read_log(
        self, name: EndpointName, offset: int, follow: bool
    ) -> AsyncIterator[pb.ReadEndpointLogResponse]:
        uid = (await run_blocking(self._core.get, name)).uid
        async with self._changes.watch(name.endpoint) as waiter:
            while True:
                begin, data = await run_blocking(self._core.log.read, uid, offset)
                if data:
                    yield pb.ReadEndpointLogResponse(offset=begin, data=data[:LOG_MESSAGE_BYTES])
                    offset = begin + len(data[:LOG_MESSAGE_BYTES])
                elif not follow or not await self._exists(name, uid):
                    yield pb.ReadEndpointLogResponse(offset=begin, end=True)
                    return
                else:
                    await waiter.wait(LOOK_AGAIN_SECONDS)

    async def _exists(self, name: EndpointName, uid: str) -> bool:
        try:
            return (await run_blocking(self._core.get, name)).uid == uid
        except NotFound:
            return False
