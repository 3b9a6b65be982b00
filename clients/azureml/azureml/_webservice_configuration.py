"""What a deployment should be like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azureml.exceptions import UserErrorException


@dataclass
class AciServiceDeploymentConfiguration:
    """A deployment as on ACI. Cores and memory are what it needs, and the limits of a container."""

    cpu_cores: float | None = None
    memory_gb: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    auth_enabled: bool = False
    gpu_cores: int | None = None

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass
class AksServiceDeploymentConfiguration:
    """A deployment as on AKS: with a key unless none is wanted, and with a time limit of a minute for each call."""

    cpu_cores: float | None = None
    memory_gb: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    auth_enabled: bool = True
    gpu_cores: int | None = None
    scoring_timeout_ms: int | None = None

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass
class LocalWebserviceDeploymentConfiguration:
    """A deployment on this machine. The port is the instance's own: `scoring_uri` has it."""

    port: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    auth_enabled: bool = False


def check_limits(configuration: Any) -> None:
    """Raise UserErrorException for cores or memory that are no positive numbers."""
    for name in ("cpu_cores", "memory_gb", "gpu_cores"):
        value = getattr(configuration, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
            raise UserErrorException(f"{name}: must be a number over 0, not {value!r}")
