"""Limits and isolation of a replica as the contracts have them."""

from __future__ import annotations

from dataclasses import asdict

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2
from orris_inference.model import Isolation, Resources

ISOLATIONS = {
    Isolation.AGENTS: runs_pb2.ISOLATION_UNSPECIFIED,
    Isolation.PROCESS: runs_pb2.ISOLATION_PROCESS,
    Isolation.CONTAINER: runs_pb2.ISOLATION_CONTAINER,
    Isolation.WARM: runs_pb2.ISOLATION_WARM,
}


def resources_message(resources: Resources | None) -> runs_pb2.Resources | None:
    """Return the message; None where there are no limits."""
    return runs_pb2.Resources(**asdict(resources)) if resources else None


def resources_of(message: runs_pb2.Resources) -> Resources:
    """Return the limits in a message."""
    return Resources(message.cpus, message.memory_bytes, message.pids, message.gpus, message.shared_memory_bytes)


def isolation_of(number: int) -> Isolation:
    """Return what a deployer asks for. Raises InvalidArgument for a number that means nothing."""
    for isolation, known in ISOLATIONS.items():
        if known == number:
            return isolation
    message = f"endpoint.isolation: {number} is none of UNSPECIFIED, WARM, PROCESS and CONTAINER"
    raise InvalidArgument(message, field="endpoint.isolation")
