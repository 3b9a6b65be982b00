"""What a deployment of a model should be given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orris.models.v1 import models_pb2


@dataclass(frozen=True)
class ResourceConfiguration:
    """CPU cores, memory in GiB, and GPUs; None leaves it open."""

    cpu: float | None = None
    memory_in_gb: float | None = None
    gpu: int | None = None


def to_message(configuration: Any) -> models_pb2.ResourceConfiguration | None:
    """Return the contract's form of anything with `cpu`, `memory_in_gb` and `gpu`."""
    if configuration is None:
        return None
    return models_pb2.ResourceConfiguration(
        cpu=float(getattr(configuration, "cpu", None) or 0),
        memory_gib=float(getattr(configuration, "memory_in_gb", None) or 0),
        gpu=int(getattr(configuration, "gpu", None) or 0),
    )


def from_message(message: models_pb2.ResourceConfiguration) -> ResourceConfiguration:
    """Return the configuration that a server described."""
    return ResourceConfiguration(message.cpu or None, message.memory_gib or None, message.gpu or None)
