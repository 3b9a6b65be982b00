"""Errors across the wire: OrrisError <-> google.rpc.Status with ErrorInfo, BadRequest and RetryInfo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.rpc import code_pb2, error_details_pb2, status_pb2

from orris import errors

DOMAIN = "orris"

# HTTP/2 stacks limit a response's trailers to 8 kB, gRPC drops the whole status over 16 kB: stay well below.
TRAILERS_BYTES = 6500
# How much of each text is kept, from generous to barely: the first that fits is taken.
TEXT_LIMITS = (2000, 1000, 400, 100)


def to_status(error: errors.OrrisError) -> status_pb2.Status:
    for limit in TEXT_LIMITS:
        status = _build(error, limit)
        if _wire_size(status) <= TRAILERS_BYTES:
            return status
    del status.details[:]
    _pack(status, error_details_pb2.ErrorInfo(reason=_cut(error.reason, TEXT_LIMITS[-1]), domain=DOMAIN))
    return status


def from_rpc_error(error: Any) -> errors.OrrisError:
    code = error.code().name if error.code() else "UNKNOWN"
    found = _BY_CODE.get(code, errors.OrrisError)
    result = found(error.details() or code.replace("_", " ").lower())
    status = _rich_status(error)
    if status is not None:
        for detail in status.details:
            _read(detail, result)
    return result


def _classes(base: type[errors.OrrisError]) -> Iterator[type[errors.OrrisError]]:
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:  # what a service derives for itself does not cross the wire
            yield from (each, *_classes(each))


_BY_CODE = {each.code: each for each in _classes(errors.OrrisError)} | {"UNKNOWN": errors.OrrisError}


def _build(error: errors.OrrisError, limit: int) -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.Code.Value(error.code), message=_cut(error.message, limit))
    metadata = {key: _cut(value, limit) for key, value in error.metadata.items()}
    _pack(status, error_details_pb2.ErrorInfo(reason=_cut(error.reason, limit), domain=DOMAIN, metadata=metadata))
    if isinstance(error, errors.InvalidArgument) and error.violations:
        bad = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad.field_violations.add(field=_cut(violation.field, limit), description=_cut(violation.description, limit))
        _pack(status, bad)
    if isinstance(error, errors.Retryable) and error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(error.retry_after * 1e9))
        _pack(status, retry)
    return status


def _read(detail: Any, error: errors.OrrisError) -> None:
    """Take over what one detail of a status tells."""
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    if detail.Unpack(info) and info.domain == DOMAIN:
        error.reason = info.reason or error.reason
        error.metadata = dict(info.metadata)
    elif detail.Unpack(bad) and isinstance(error, errors.InvalidArgument):
        error.violations = tuple(errors.FieldViolation(v.field, v.description) for v in bad.field_violations)
    elif detail.Unpack(retry) and isinstance(error, errors.Retryable):
        error.retry_after = retry.retry_delay.ToNanoseconds() / 1e9


def _rich_status(error: Any) -> status_pb2.Status | None:
    from google.protobuf.message import DecodeError
    from grpc_status import rpc_status

    try:
        status: status_pb2.Status | None = rpc_status.from_call(error)
    except (ValueError, DecodeError, AttributeError):  # not ours, damaged, or a call that never reached a server
        return None
    return status


def _pack(status: status_pb2.Status, detail: Any) -> None:
    status.details.add().Pack(detail)


def _wire_size(status: status_pb2.Status) -> int:
    """Return the size as trailers: the message percent-encoded, and the whole status in base64."""
    message = sum(1 if 32 <= byte < 127 and byte != 37 else 3 for byte in status.message.encode())
    size: int = status.ByteSize()
    return message + (size + 2) // 3 * 4


def _cut(text: str, limit: int) -> str:
    # A lone surrogate (an undecodable file name, say) is no valid protobuf string.
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"
