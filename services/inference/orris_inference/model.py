"""The domain's values: endpoints, deployments, and what is wanted of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orris.names import EndpointName


class State(StrEnum):
    """Where an endpoint stands."""

    TRANSITIONING = "transitioning"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    FAILED = "failed"
    UNSCHEDULABLE = "unschedulable"


class Phase(StrEnum):
    """WANTED and SERVING are kept up, FAILED waits for its end, RETIRED is being taken down."""

    WANTED = "wanted"
    SERVING = "serving"
    FAILED = "failed"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a deployer asks for. `auth_enabled`: None means that a key is needed."""

    model_version: str
    auth_enabled: bool | None = None
    description: str = ""
    tags: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it is stored."""

    id: str
    uid: str
    workspace: str
    generation: int
    model_version: str
    state: State
    error: str
    backend: str
    methods: tuple[str, ...]
    replica: str
    auth_enabled: bool | None
    primary_key: str
    secondary_key: str
    description: str
    tags: dict[str, str]
    created_by: str
    create_time: datetime
    update_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return str(EndpointName(self.workspace, self.id))


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model version under an endpoint, with the replica that serves it, if any."""

    uid: str
    endpoint: str
    endpoint_uid: str
    workspace: str
    generation: int
    model_version: str
    phase: Phase
    attempt: int
    secret: str
    replica: str
    log_offset: int

    @property
    def endpoint_name(self) -> str:
        """The resource name of its endpoint."""
        return str(EndpointName(self.workspace, self.endpoint))
