"""What a client may send again: derived from the contracts, never kept by hand."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

# Not `artifacts`: what moves files repeats its calls itself, uploads larger than gRPC would keep for a retry included.
CONTRACTS = (
    "orris.images.v1.images_service_pb2",
    "orris.inference.v1.inference_service_pb2",
    "orris.models.v1.models_service_pb2",
    "orris.runs.v1.agents_service_pb2",
    "orris.runs.v1.runs_service_pb2",
    "orris.runs.v1.workspaces_service_pb2",
)

# Four retries after 0.2, 0.4, 0.8 and 1.6 s (each up to 20 % more or less): 3 s bridge a restart of a service.
RETRY_POLICY = {
    "maxAttempts": 5,
    "initialBackoff": "0.2s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def service_config() -> dict[str, Any]:
    """Return gRPC's service config: UNAVAILABLE is retried for the methods that the contracts call idempotent."""
    names = [{"service": method.containing_service.full_name, "method": method.name} for method in _retryable()]
    # Without the `methodConfig` wrapper gRPC ignores the whole configuration silently.
    return {"methodConfig": [{"name": names, "retryPolicy": RETRY_POLICY}]}


def _retryable() -> Iterator[MethodDescriptor]:
    safe = {MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT}
    for contract in CONTRACTS:
        file: FileDescriptor = import_module(contract).DESCRIPTOR
        for service in file.services_by_name.values():
            yield from (method for method in service.methods if method.GetOptions().idempotency_level in safe)
