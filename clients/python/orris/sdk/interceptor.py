"""What every call gets: the token, a request id, a deadline, and errors of the kind `orris.errors` has."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import grpc

from orris.errors import DeadlineExceeded, OrrisError, Unavailable, from_rpc_error
from orris.sdk.trace_context import trace_context

# Answers come in milliseconds; 30 s mean that something is wrong. An upload carries at most 16 MiB: 300 s are 56 kB/s.
CALL_SECONDS = 30.0
UPLOAD_SECONDS = 300.0


class _Details(NamedTuple):
    """gRPC's ClientCallDetails, which has no constructor of its own."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class CallInterceptor(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Wraps all four kinds of call. A deadline that the caller gave is never changed; streams of answers get none."""

    def __init__(self, address: str, token: str | None) -> None:
        self._address = address
        self._authorization = (("authorization", f"Bearer {token}"),) if token else ()

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return self._single(continuation, self._prepare(client_call_details, CALL_SECONDS), request)

    def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return self._single(continuation, self._prepare(client_call_details, UPLOAD_SECONDS), request_iterator)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        details = self._prepare(client_call_details, None)
        return _Stream(continuation(details, request), lambda error: self._translate(error, details))

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return self.intercept_unary_stream(continuation, client_call_details, request_iterator)

    def _single(self, continuation: Any, details: _Details, request: Any) -> Any:
        call = continuation(details, request)
        error = call.exception()
        if error is None:
            return call
        raise self._translate(error, details) from None

    def _prepare(self, details: Any, default_seconds: float | None) -> _Details:
        metadata = (
            *(details.metadata or ()),
            ("x-request-id", uuid.uuid4().hex),
            *self._authorization,
            *trace_context(),
        )
        timeout = default_seconds if details.timeout is None else details.timeout
        return _Details(
            details.method, timeout, metadata, details.credentials, details.wait_for_ready, details.compression
        )

    def _translate(self, error: Any, details: _Details) -> Exception:
        if not isinstance(error, grpc.RpcError):
            return error if isinstance(error, Exception) else RuntimeError(str(error))
        return explain(from_rpc_error(error), _spoken(error), self._address, details)


class _Stream:
    """A stream of answers whose errors are Orris's."""

    def __init__(self, call: Any, translate: Any) -> None:
        self._call = call
        self._translate = translate

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise self._translate(error) from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


def explain(error: OrrisError, spoken: bool, address: str, details: Any) -> OrrisError:
    """Return the error with words for people where it is gRPC that speaks, not a server (`spoken`)."""
    if spoken:
        return error
    if isinstance(error, Unavailable):
        message = f"Orris does not answer at {address}: check that it runs there (`orris status`)"
        return Unavailable(message, reason="NO_ANSWER", metadata={"cause": error.message})
    if isinstance(error, DeadlineExceeded) and details.timeout is not None:
        call = details.method.rpartition("/")[2]
        return DeadlineExceeded(f"Orris at {address} took longer than {details.timeout:g} s to answer {call}")
    return error


def _spoken(error: Any) -> bool:
    """Tell whether a server wrote the status, rather than gRPC on this side."""
    trailers = error.trailing_metadata() or ()
    return any(key == "grpc-status-details-bin" for key, _ in trailers)
