"""The domain's values: endpoints, deployments, and what is wanted of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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


class Isolation(StrEnum):
    """What separates a replica from its machine; AGENTS: what its agent does by default."""

    AGENTS = ""
    PROCESS = "process"
    CONTAINER = "container"
    WARM = "warm"


@dataclass(frozen=True, slots=True)
class Code:
    """A user's scoring script: the tree that it is in, its path there, the environment it runs in (may be empty)."""

    snapshot: str
    entry_script: str
    environment: str = ""
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of a replica; 0 means none."""

    cpus: float = 0.0
    memory_bytes: int = 0
    pids: int = 0
    gpus: int = 0
    shared_memory_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What answers: a model, or a script with its models.

    model_version: the only model, empty where a script has several, or none. model_versions: all that a script has.
    """

    model_version: str
    code: Code | None = None
    model_versions: tuple[str, ...] = ()
    resources: Resources | None = None
    isolation: Isolation = Isolation.AGENTS

    @property
    def models(self) -> tuple[str, ...]:
        """All models."""
        return self.model_versions or ((self.model_version,) if self.model_version else ())

    @property
    def label(self) -> str:
        """What it is, for people."""
        return self.model_version if self.code is None else self.code.entry_script


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish(Content):
    """What a deployer asks for. `auth_enabled`: None means that a key is needed."""

    auth_enabled: bool | None = None
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Content):
    """An endpoint as it is stored."""

    id: str
    uid: str
    workspace: str
    generation: int
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment(Content):
    """What answers, or is to, under an endpoint, with the replica that does it, if any."""

    uid: str
    endpoint: str
    endpoint_uid: str
    workspace: str
    generation: int
    phase: Phase
    attempt: int
    secret: str
    replica: str
    log_offset: int

    @property
    def endpoint_name(self) -> str:
        """The resource name of its endpoint."""
        return str(EndpointName(self.workspace, self.endpoint))

    @property
    def name(self) -> str:
        """The resource name under which it keeps what it needs."""
        return f"{self.endpoint_name}/deployments/{self.uid}"


def normal(wish: Wish) -> Wish:
    """Return the same wish with each model named once, and its only model as `model_version`."""
    if wish.code is None:
        return wish
    models = tuple(dict.fromkeys((*filter(None, (wish.model_version,)), *wish.model_versions)))
    return replace(wish, model_version=models[0] if len(models) == 1 else "", model_versions=models)
