"""The Open Inference Protocol over gRPC. Its clients send an endpoint's key as `authorization`; see Routes.admit."""

from __future__ import annotations

from typing import Any

from orris.errors import InvalidArgument, NotFound
from orris.inference.v2 import open_inference_pb2 as pb
from orris.inference.v2.open_inference_pb2_grpc import GRPCInferenceServiceServicer
from orris_inference.routes import Route, Routes
from orris_kit.access import allow_anyone, busy

SERVER_NAME = "orris"
SERVER_VERSION = "0.1.0"
_HERE = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:")


class InferenceServicer(GRPCInferenceServiceServicer):
    """Predictions over gRPC."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._wire: Any = None

    @allow_anyone
    async def ServerLive(self, request: pb.ServerLiveRequest, context: Any) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)

    @allow_anyone
    async def ServerReady(self, request: pb.ServerReadyRequest, context: Any) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=True)

    @allow_anyone
    async def ServerMetadata(self, request: pb.ServerMetadataRequest, context: Any) -> pb.ServerMetadataResponse:
        return pb.ServerMetadataResponse(name=SERVER_NAME, version=SERVER_VERSION)

    @allow_anyone
    async def ModelReady(self, request: pb.ModelReadyRequest, context: Any) -> pb.ModelReadyResponse:
        route = self._admit(request.name, context)
        if route.backend is not None:
            route.model()
        return pb.ModelReadyResponse(ready=route.backend is not None and request.version in ("", route.version))

    @allow_anyone
    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Any) -> pb.ModelMetadataResponse:
        route = self._admit(request.name, context)
        backend = route.model()
        check_version(route, request.version)
        answer = pb.ModelMetadataResponse(name=request.name, versions=[route.version], platform=backend.platform)
        for specs, tensors in ((backend.inputs, answer.inputs), (backend.outputs, answer.outputs)):
            for spec in specs:
                tensors.add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
        return answer

    @busy
    @allow_anyone
    async def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        wire = self._wire or self._import_wire()
        route = self._find(request.model_name)
        with route.statistics.counting():
            self._check(route, context)
            backend = route.model()
            if request.model_version:
                check_version(route, request.model_version)
            version, inputs = route.version, wire.read_inputs(request)
            names, arrays = await backend.infer(inputs, [output.name for output in request.outputs])
            response: pb.ModelInferResponse = wire.write_answer(request, version, names, arrays)
        if (drift := route.statistics.drift) is not None:
            drift.offer(inputs)
        return response

    def _import_wire(self) -> Any:
        # Not with this module: it needs numpy, which is slow to import and there as soon as there is a backend.
        from orris_inference.wire import protobuf

        self._wire = protobuf
        return protobuf

    def _admit(self, endpoint_id: str, context: Any) -> Route:
        route = self._find(endpoint_id)
        self._check(route, context)
        return route

    def _find(self, endpoint_id: str) -> Route:
        if not endpoint_id:
            raise InvalidArgument("model_name must be an endpoint's id", field="model_name")
        return self._routes.find(endpoint_id)

    def _check(self, route: Route, context: Any) -> None:
        authorization = None
        for key, value in context.invocation_metadata() or ():
            if key == "authorization":
                authorization = value
        self._routes.admit(route, authorization, here=route.open and context.peer().startswith(_HERE))


def check_version(route: Route, version: str) -> None:
    """Raise NotFound for another version than the one that is served; empty means that one."""
    if version not in ("", route.version):
        raise NotFound(
            f"the endpoint serves the version {route.version}, not {version[:64]!r}", reason="VERSION_NOT_SERVED"
        )
