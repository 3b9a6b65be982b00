"""A contract of all four kinds of RPC, made in code: what the kit's tests serve and call."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "orris.test.v1"
SERVICE = f"{PACKAGE}.EchoService"
_TEXT = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
_Level = descriptor_pb2.MethodOptions

# Name, streams in, streams out, idempotency level.
METHODS = (
    ("Say", False, False, _Level.NO_SIDE_EFFECTS),
    ("Change", False, False, _Level.IDEMPOTENCY_UNKNOWN),
    ("Watch", False, True, _Level.NO_SIDE_EFFECTS),
    ("Upload", True, False, _Level.IDEMPOTENT),
    ("Talk", True, True, _Level.IDEMPOTENCY_UNKNOWN),
)


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="orris/test/v1/echo.proto", package=PACKAGE, syntax="proto3")
    thing = file.message_type.add(name="Thing")
    thing.field.add(name="name", number=1, type=_TEXT)
    echo = file.message_type.add(name="Echo")
    for number, name in enumerate(("name", "parent", "workspace", "run", "text"), 1):
        echo.field.add(name=name, number=number, type=_TEXT)
    echo.field.add(name="thing", number=6, type=_MESSAGE, type_name=f".{PACKAGE}.Thing")
    service = file.service.add(name="EchoService")
    for name, streams_in, streams_out, level in METHODS:
        method = service.method.add(
            name=name,
            input_type=f".{PACKAGE}.Echo",
            output_type=f".{PACKAGE}.Echo",
            client_streaming=streams_in,
            server_streaming=streams_out,
        )
        method.options.idempotency_level = level
    return file


_pool: Any = descriptor_pool.Default()  # type: ignore[no-untyped-call]
_pool.Add(_file())
DESCRIPTOR: Any = _pool.FindServiceByName(SERVICE)
Echo: Any = message_factory.GetMessageClass(DESCRIPTOR.methods_by_name["Say"].input_type)


def add_to_server(servicer: Any, server: Any) -> None:
    """Do what generated code does."""
    makers: dict[tuple[bool, bool], Any] = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    handlers = {
        name: makers[streams_in, streams_out](getattr(servicer, name), Echo.FromString, Echo.SerializeToString)
        for name, streams_in, streams_out, _ in METHODS
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)


class EchoStub:
    """What generated code calls with."""

    Say: Any
    Change: Any
    Watch: Any
    Upload: Any
    Talk: Any

    def __init__(self, channel: grpc.aio.Channel) -> None:
        kinds = {(False, False): "unary_unary", (False, True): "unary_stream", (True, False): "stream_unary"}
        for name, streams_in, streams_out, _ in METHODS:
            kind = getattr(channel, kinds.get((streams_in, streams_out), "stream_stream"))
            call = kind(
                f"/{SERVICE}/{name}",
                request_serializer=Echo.SerializeToString,
                response_deserializer=Echo.FromString,
                _registered_method=True,
            )
            setattr(self, name, call)
