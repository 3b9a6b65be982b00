"""Errors across the wire, without a wire."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from orris import errors

ALL = [
    errors.AlreadyExists,
    errors.Cancelled,
    errors.Conflict,
    errors.DataLoss,
    errors.DeadlineExceeded,
    errors.FailedPrecondition,
    errors.Internal,
    errors.InvalidArgument,
    errors.NotFound,
    errors.OrrisError,
    errors.OutOfRange,
    errors.PermissionDenied,
    errors.ResourceExhausted,
    errors.Unauthenticated,
    errors.Unavailable,
    errors.Unimplemented,
]


class Caught(grpc.RpcError):
    """What a client catches."""

    def __init__(self, code: Any, details: str, trailing: Any = ()) -> None:
        self._parts = code, details, trailing

    def code(self) -> Any:
        return self._parts[0]

    def details(self) -> str:
        return self._parts[1]

    def trailing_metadata(self) -> Any:
        return self._parts[2]


def sent(error: errors.OrrisError) -> errors.OrrisError:
    status = rpc_status.to_status(errors.to_status(error))
    return errors.from_rpc_error(Caught(status.code, status.details, status.trailing_metadata))


@pytest.mark.parametrize("kind", ALL)
def test_every_class_comes_back_as_itself(kind: type[errors.OrrisError]) -> None:
    back = sent(kind("what happened", reason="WHY", metadata={"run": "r"}))
    assert type(back) is kind
    assert (back.message, str(back), back.reason, back.metadata) == (
        "what happened",
        "what happened",
        "WHY",
        {"run": "r"},
    )


def test_no_two_classes_share_a_code() -> None:
    assert len({each.code for each in ALL}) == len(ALL)


def test_violations_name_each_field() -> None:
    more = errors.FieldViolation("run.arguments", "too many")
    back = sent(errors.InvalidArgument("no script", field="run.script", violations=[more]))
    assert isinstance(back, errors.InvalidArgument)
    assert back.violations == (errors.FieldViolation("run.script", "no script"), more)


def test_when_to_try_again_is_told() -> None:
    back = sent(errors.Unavailable("starting", retry_after=1.5))
    assert isinstance(back, errors.Unavailable)
    assert back.retry_after == 1.5


@pytest.mark.parametrize("character", ["a", "ü", "%", "\n", "\udcff"])
def test_the_trailers_stay_below_what_gRPC_drops(character: str) -> None:
    long = character * 100_000
    error = errors.InvalidArgument(long, field=long, metadata={str(n): long for n in range(50)})
    status = errors.to_status(error)
    percent_encoded = sum(1 if 32 <= byte < 127 and byte != 37 else 3 for byte in status.message.encode())
    assert percent_encoded + len(status.SerializeToString()) * 4 / 3 < 7000
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("INVALID_ARGUMENT", "orris")
    assert len(status.message) >= 100


def test_a_usual_message_is_not_cut() -> None:
    message = "m" * 1900
    assert errors.to_status(errors.NotFound(message)).message == message


@pytest.mark.parametrize("trailing", [None, (), (("grpc-status-details-bin", b"\xff\xff"),)])
def test_an_error_of_another_server_keeps_its_code_and_message(trailing: Any) -> None:
    back = errors.from_rpc_error(Caught(grpc.StatusCode.ABORTED, "lock lost", trailing))
    assert type(back) is errors.Conflict
    assert (back.message, back.reason) == ("lock lost", "CONFLICT")


def test_a_reason_of_another_domain_is_not_taken_for_ours() -> None:
    status = errors.to_status(errors.NotFound("gone"))
    status.details[0].Pack(error_details_pb2.ErrorInfo(reason="THEIRS", domain="elsewhere"))
    foreign = rpc_status.to_status(status)
    assert errors.from_rpc_error(Caught(foreign.code, "gone", foreign.trailing_metadata)).reason == "NOT_FOUND"
