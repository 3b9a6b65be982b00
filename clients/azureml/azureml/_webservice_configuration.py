"""What a deployment should be like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class AciServiceDeploymentConfiguration:
    """A deployment as on ACI. `auth_enabled`, `tags` and `description` count; cores and memory are the machine's."""

    cpu_cores: float | None = None
    memory_gb: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    auth_enabled: bool = False


@dataclass
class LocalWebserviceDeploymentConfiguration:
    """A deployment on this machine. The port is the instance's own: `scoring_uri` has it."""

    port: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None
    auth_enabled: bool = False
