"""Endpoints as the contract has them."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from orris.inference.v1 import inference_pb2 as pb
from orris_inference.model import Code, Endpoint, State, Wish, normal
from orris_inference.resources import ISOLATIONS, isolation_of, resources_message, resources_of

_STATES = {
    State.TRANSITIONING: pb.Endpoint.STATE_TRANSITIONING,
    State.HEALTHY: pb.Endpoint.STATE_HEALTHY,
    State.UNHEALTHY: pb.Endpoint.STATE_UNHEALTHY,
    State.FAILED: pb.Endpoint.STATE_FAILED,
    State.UNSCHEDULABLE: pb.Endpoint.STATE_UNSCHEDULABLE,
}
_BACKENDS = {"onnx": pb.Endpoint.BACKEND_ONNX, "replica": pb.Endpoint.BACKEND_REPLICA, "code": pb.Endpoint.BACKEND_CODE}


def endpoint_message(endpoint: Endpoint, base_url: str) -> pb.Endpoint:
    """Return the message; its URLs begin with `base_url`."""
    service = f"{base_url}/api/v1/service/{endpoint.id}"
    message = pb.Endpoint(
        name=endpoint.name,
        model_version=endpoint.model_version,
        state=_STATES[endpoint.state],
        error=endpoint.error,
        backend=_BACKENDS.get(endpoint.backend, pb.Endpoint.BACKEND_UNSPECIFIED),
        scoring_uri=f"{service}/score",
        swagger_uri=f"{service}/swagger.json",
        v2_model_name="" if endpoint.code else endpoint.id,
        methods=endpoint.methods,
        replica=endpoint.replica,
        description=endpoint.description,
        tags=endpoint.tags,
        created_by=endpoint.created_by,
        create_time=_timestamp(endpoint.create_time),
        update_time=_timestamp(endpoint.update_time),
        code=_code_message(endpoint.code),
        model_versions=endpoint.model_versions,
        resources=resources_message(endpoint.resources),
        isolation=ISOLATIONS[endpoint.isolation],
    )
    if endpoint.auth_enabled is not None:
        message.auth_enabled = endpoint.auth_enabled
    return message


def wish_of(message: pb.Endpoint) -> Wish:
    """Return what a deployer asks for. Raises InvalidArgument for an isolation that means nothing."""
    wish = Wish(
        model_version=message.model_version,
        model_versions=tuple(message.model_versions),
        code=_code_of(message.code) if message.HasField("code") else None,
        resources=resources_of(message.resources) if message.HasField("resources") else None,
        isolation=isolation_of(message.isolation),
        auth_enabled=message.auth_enabled if message.HasField("auth_enabled") else None,
        description=message.description,
        tags=dict(message.tags),
    )
    return normal(wish)


def _code_message(code: Code | None) -> pb.ScoringCode | None:
    if code is None:
        return None
    return pb.ScoringCode(
        snapshot=code.snapshot,
        entry_script=code.entry_script,
        environment=code.environment,
        environment_variables=code.variables,
    )


def _code_of(message: pb.ScoringCode) -> Code:
    return Code(message.snapshot, message.entry_script, message.environment, dict(message.environment_variables))


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
