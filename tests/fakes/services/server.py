"""An Orris in this process: real gRPC over the real contracts, simple services behind it, and faults on demand.

with FakeOrris() as orris:
    orris.fail_next("GetRun", Unavailable("restarting"), times=2)
    orris.delay_next("GetRun", 0.5)
    orris.calls[-1].metadata["authorization"]
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from grpc_status import rpc_status

from orris.artifacts.v1.artifacts_service_pb2_grpc import add_ArtifactServiceServicer_to_server
from orris.artifacts.v1.data_service_pb2_grpc import add_DataServiceServicer_to_server
from orris.errors import Internal, OrrisError, to_status
from orris.images.v1.images_service_pb2_grpc import add_ImageServiceServicer_to_server
from orris.inference.v1.inference_service_pb2_grpc import add_EndpointServiceServicer_to_server
from orris.models.v1.models_service_pb2_grpc import add_ModelServiceServicer_to_server
from orris.runs.v1.agents_service_pb2_grpc import add_AgentServiceServicer_to_server
from orris.runs.v1.pools_service_pb2_grpc import add_PoolServiceServicer_to_server
from orris.runs.v1.runs_service_pb2_grpc import add_RunServiceServicer_to_server
from orris.runs.v1.sweeps_service_pb2_grpc import add_SweepServiceServicer_to_server
from orris.runs.v1.workspaces_service_pb2_grpc import add_WorkspaceServiceServicer_to_server
from tests.fakes.services.artifacts import FakeArtifacts
from tests.fakes.services.data import FakeData
from tests.fakes.services.endpoints import FakeEndpoints
from tests.fakes.services.images import FakeImages
from tests.fakes.services.models import FakeModels
from tests.fakes.services.runs import FakeAgents, FakePools, FakeRuns, FakeWorkspaces
from tests.fakes.services.sweeps import FakeSweeps

TOKEN = "let-me-in"


@dataclass
class Call:
    """A call as it arrived. `seconds` is the deadline that the client gave, None without one."""

    method: str
    request: Any
    metadata: dict[str, Any]
    seconds: float | None


@dataclass
class Fault:
    """What the next call of a method meets: a delay, an error after so many messages (None: the stream just ends)."""

    error: OrrisError | None = None
    cut: bool = False
    after: int = 0
    delay: float = 0.0


@dataclass
class Faults:
    """Faults by method, taken in order."""

    waiting: dict[str, list[Fault]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, method: str, fault: Fault, times: int) -> None:
        with self.lock:
            self.waiting.setdefault(method, []).extend([fault] * times)

    def take(self, method: str) -> Fault:
        with self.lock:
            waiting = self.waiting.get(method)
            return waiting.pop(0) if waiting else Fault()


class FakeOrris:
    """All services on a free port of 127.0.0.1; the token is TOKEN."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.calls: list[Call] = []
        self.artifacts = FakeArtifacts()
        self.data = FakeData(self.artifacts)
        self.images = FakeImages()
        self.runs = FakeRuns(self.artifacts, self.images, self.data)
        self.sweeps = FakeSweeps(self.runs)
        self.workspaces = FakeWorkspaces()
        self.agents = FakeAgents()
        self.pools = FakePools()
        self.models = FakeModels(self.runs)
        self.endpoints = FakeEndpoints()
        self._server = grpc.server(
            ThreadPoolExecutor(32), interceptors=[_Interceptor(self)], options=[("grpc.so_reuseport", 0)]
        )
        add_ArtifactServiceServicer_to_server(self.artifacts, self._server)
        add_DataServiceServicer_to_server(self.data, self._server)
        add_ImageServiceServicer_to_server(self.images, self._server)
        add_RunServiceServicer_to_server(self.runs, self._server)
        add_SweepServiceServicer_to_server(self.sweeps, self._server)
        add_WorkspaceServiceServicer_to_server(self.workspaces, self._server)
        add_AgentServiceServicer_to_server(self.agents, self._server)
        add_PoolServiceServicer_to_server(self.pools, self._server)
        add_ModelServiceServicer_to_server(self.models, self._server)
        add_EndpointServiceServicer_to_server(self.endpoints, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.runs.draining.set()
        self.pools.draining.set()
        self.endpoints.close()
        self._server.stop(0.2).wait()

    def fail_next(self, method: str, error: OrrisError, *, times: int = 1, after: int = 0) -> None:
        """Let the next calls of a method fail; a stream only after that many messages."""
        self.faults.add(method, Fault(error=error, after=after), times)

    def cut_next(self, method: str, *, after: int, times: int = 1) -> None:
        """Let the next streams of a method end early, as if all were well."""
        self.faults.add(method, Fault(cut=True, after=after), times)

    def delay_next(self, method: str, seconds: float) -> None:
        """Let the next call of a method take that much longer."""
        self.faults.add(method, Fault(delay=seconds), 1)

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]


class _Interceptor(grpc.ServerInterceptor):  # type: ignore[misc,type-arg,unused-ignore]
    """Writes down each call, checks its token, applies faults, and turns Orris's errors into statuses."""

    def __init__(self, orris: FakeOrris) -> None:
        self._orris = orris

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = continuation(details)
        if handler is None:
            return None
        method = details.method.rpartition("/")[2]
        metadata = dict(details.invocation_metadata)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(handler.unary_stream, method, metadata),
                handler.request_deserializer,
                handler.response_serializer,
            )
        make, inner = (
            (grpc.stream_unary_rpc_method_handler, handler.stream_unary)
            if handler.request_streaming
            else (grpc.unary_unary_rpc_method_handler, handler.unary_unary)
        )
        return make(self._single(inner, method, metadata), handler.request_deserializer, handler.response_serializer)

    def _single(self, inner: Callable[..., Any], method: str, metadata: dict[str, Any]) -> Callable[..., Any]:
        def handle(request: Any, context: Any) -> Any:
            fault = self._begin(method, request, metadata, context)
            with _translating(context):
                if fault.error is not None:
                    raise fault.error
                return inner(request, context)

        return handle

    def _stream(self, inner: Callable[..., Any], method: str, metadata: dict[str, Any]) -> Callable[..., Any]:
        def handle(request: Any, context: Any) -> Iterator[Any]:
            fault = self._begin(method, request, metadata, context)
            with _translating(context):
                for count, message in enumerate(inner(request, context)):
                    if count == fault.after and fault.error is not None:
                        raise fault.error
                    if count == fault.after and fault.cut:
                        return
                    yield message

        return handle

    def _begin(self, method: str, request: Any, metadata: dict[str, Any], context: Any) -> Fault:
        seconds = context.time_remaining()
        limited = seconds if seconds is not None and seconds < 1e9 else None
        self._orris.calls.append(Call(method, request, metadata, limited))
        if metadata.get("authorization") != f"Bearer {TOKEN}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")
        fault = self._orris.faults.take(method)
        time.sleep(fault.delay)
        return fault


class _translating:  # noqa: N801  # reads as a statement
    def __init__(self, context: Any) -> None:
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if isinstance(error, OrrisError):
            self._context.abort_with_status(rpc_status.to_status(to_status(error)))
        elif isinstance(error, NotImplementedError | KeyError | ValueError):
            self._context.abort_with_status(rpc_status.to_status(to_status(Internal(f"fake: {error!r}"))))
