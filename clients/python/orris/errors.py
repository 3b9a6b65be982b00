"""What can go wrong, the same on both sides of the wire.

    OrrisError
    ├── Cancelled            the caller gave up
    ├── InvalidArgument      the request itself is wrong; names the fields
    ├── OutOfRange           beyond the end of what is there
    ├── NotFound             no such thing
    ├── AlreadyExists        there is one by that name already
    ├── FailedPrecondition   not in this state; change the state first
    ├── Conflict             somebody else changed it meanwhile; read again
    ├── PermissionDenied     known, but not allowed to
    ├── Unauthenticated      no token, or none that is valid
    ├── Unimplemented        this server cannot do that
    ├── DeadlineExceeded     took longer than the caller gave it
    ├── DataLoss             stored bytes are damaged
    ├── Internal             a fault of Orris; the message has the request id
    └── Retryable
        ├── ResourceExhausted    a limit is reached
        └── Unavailable          not now; try again

Each has a `message` for people, a `reason` for programs (UPPER_SNAKE) and `metadata`. A service raises them, the server
turns them into a google.rpc.Status, the client raises the same class again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import grpc
    from google.rpc import status_pb2


@dataclass(frozen=True)
class FieldViolation:
    """One field of a request that is wrong, by its path (`run.script`), and what to do about it."""

    field: str
    description: str


class OrrisError(Exception):
    """Anything that Orris reports. `code` is the name of its gRPC status code."""

    code: ClassVar[str] = "UNKNOWN"
    default_reason: ClassVar[str] = "UNKNOWN"

    def __init__(self, message: str, *, reason: str | None = None, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.metadata = dict(metadata or {})


class Cancelled(OrrisError):
    """The caller gave up."""

    code = "CANCELLED"
    default_reason = "CANCELLED"


class InvalidArgument(OrrisError):
    """The request itself is wrong: `field` (or `violations`, for several) says where."""

    code = "INVALID_ARGUMENT"
    default_reason = "INVALID_ARGUMENT"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        violations: Iterable[FieldViolation] = (),
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        own = (FieldViolation(field, message),) if field else ()
        self.violations = (*own, *violations)


class OutOfRange(OrrisError):
    """Beyond the end of what is there."""

    code = "OUT_OF_RANGE"
    default_reason = "OUT_OF_RANGE"


class NotFound(OrrisError):
    """No such thing."""

    code = "NOT_FOUND"
    default_reason = "NOT_FOUND"


class AlreadyExists(OrrisError):
    """There is one by that name already."""

    code = "ALREADY_EXISTS"
    default_reason = "ALREADY_EXISTS"


class FailedPrecondition(OrrisError):
    """Not possible in this state; retrying does not help before the state has changed."""

    code = "FAILED_PRECONDITION"
    default_reason = "FAILED_PRECONDITION"


class Conflict(OrrisError):
    """Somebody else changed it meanwhile: read again, then retry."""

    code = "ABORTED"
    default_reason = "CONFLICT"


class PermissionDenied(OrrisError):
    """The caller is known, but not allowed to."""

    code = "PERMISSION_DENIED"
    default_reason = "PERMISSION_DENIED"


class Unauthenticated(OrrisError):
    """No token, or none that is valid."""

    code = "UNAUTHENTICATED"
    default_reason = "UNAUTHENTICATED"


class Unimplemented(OrrisError):
    """This server cannot do that."""

    code = "UNIMPLEMENTED"
    default_reason = "UNIMPLEMENTED"


class DeadlineExceeded(OrrisError):
    """Took longer than the caller gave it; it may have been done all the same."""

    code = "DEADLINE_EXCEEDED"
    default_reason = "DEADLINE_EXCEEDED"


class DataLoss(OrrisError):
    """Stored bytes are damaged or gone."""

    code = "DATA_LOSS"
    default_reason = "DATA_LOSS"


class Internal(OrrisError):
    """A fault of Orris; its log has more under the request id in the message."""

    code = "INTERNAL"
    default_reason = "INTERNAL"


class Retryable(OrrisError):
    """The same request may succeed later: not before `retry_after` seconds, when that is known."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.retry_after = retry_after


class ResourceExhausted(Retryable):
    """A limit is reached: space, a quota, a size."""

    code = "RESOURCE_EXHAUSTED"
    default_reason = "RESOURCE_EXHAUSTED"


class Unavailable(Retryable):
    """Not now: the service is starting, stopping or out of reach."""

    code = "UNAVAILABLE"
    default_reason = "UNAVAILABLE"


def to_status(error: OrrisError) -> status_pb2.Status:
    """Return the error as it crosses the wire, cut so that it fits into a response's trailers."""
    from orris import _status

    return _status.to_status(error)


def from_rpc_error(error: grpc.RpcError) -> OrrisError:
    """Return the error that a server raised, from what its client caught (of `grpc` or `grpc.aio`)."""
    from orris import _status

    return _status.from_rpc_error(error)
