"""What keeps agents alive on machines. How many, and which, the rules of pools decide.

A node is one agent that an engine was asked for. Nothing here assumes that it is a process of this machine: a job of
Slurm or a pod of Kubernetes is as good.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from orris.errors import Unavailable
from orris_kit.ray_versions import RayVersions


class EngineUnavailable(Unavailable):
    """An engine cannot be asked now; the message says what is wrong and what to do. What it keeps alive goes on."""

    default_reason = "ENGINE_UNAVAILABLE"


class NodePhase(StrEnum):
    """Where a node stands, as its engine sees it."""

    WAITING = "waiting"  # the engine has no machine for it yet; the message says what it waits for
    STARTING = "starting"  # it has a machine, the agent is not up yet
    RUNNING = "running"  # its agent's process is alive, as far as the engine can tell
    GONE = "gone"  # it was there, or could not be; the message says why


@dataclass(frozen=True, slots=True)
class EngineNode:
    """A node as its engine sees it. `message` is for people, `host` the machine's name where it is known."""

    id: str
    phase: NodePhase
    message: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class NodeRequest:
    """A node that is asked for. `id` is the agent's id, unique for ever.

    cpus, memory_bytes: what its machine must have; 0 is the engine's default.
    slots: runs at a time.
    options: what the pool says to this engine.
    """

    id: str
    pool: str
    cpus: float = 0
    memory_bytes: int = 0
    slots: int = 1
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an engine finds around it: where this service keeps its things, and what the agents are told.

    agent_token: the file with the token that agents call with. settings: the variables of an agent's environment that
    say where the services are (ORRIS_RUNS_ADDRESS and so on). environment: this service's own.
    """

    home: Path
    agent_token: Path
    settings: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class Engine(Protocol):
    """Keeps agents alive on machines.

    All calls are idempotent and synchronous (they are made in a worker thread), and may raise EngineUnavailable.
    """

    def start(self, request: NodeRequest) -> None:
        """Ask for a node; asking again for one that is there changes nothing."""
        ...

    def stop(self, pool: str, node_id: str) -> None:
        """End a node for good; one that is not there is fine."""
        ...

    def nodes(self, pool: str) -> list[EngineNode]:
        """Return every node of the pool that the engine knows, those asked for by earlier processes included."""
        ...

    def ray(self, options: Mapping[str, str]) -> RayVersions | None:
        """Return the versions of the Ray cluster that the nodes of a pool with these options are on; None for none."""
        ...

    def close(self) -> None:
        """Let go of resources; nodes go on."""
        ...


@dataclass(frozen=True, slots=True)
class EngineKind:
    """An engine that pools can have. Neither call imports it before.

    open: makes it. options: the names of what a pool can say to it.
    """

    open: Callable[[Surroundings], Engine]
    options: Callable[[], Collection[str]]
