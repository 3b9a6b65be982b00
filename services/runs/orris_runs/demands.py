"""What a run asks of the machine that executes it. Equal demands are one text: the queue looks at each kind once."""

import json
from dataclasses import asdict, dataclass, fields
from enum import IntEnum
from functools import lru_cache
from typing import Any

NO_CONTAINER_IMAGES = (
    "the environment has no container image: they are made where ORRIS_IMAGES_BUILDER=oci is set, and of an interpreter"
    " that you look after where a base image is named that has it; or submit with process isolation"
)


class Isolation(IntEnum):
    """What separates a run from its machine; the numbers are the contract's. UNSPECIFIED: the agent's choice."""

    UNSPECIFIED = 0
    PROCESS = 1
    CONTAINER = 2
    WARM = 3


@dataclass(frozen=True, slots=True)
class Resources:
    """Of a run: what it needs, and its limits. Of an agent: what its machine has. 0: nothing said."""

    cpus: float = 0
    memory_bytes: int = 0
    pids: int = 0
    gpus: int = 0
    shared_memory_bytes: int = 0


NO_RESOURCES = Resources()


# What an agent has to know how to do for some runs only. Agents of older versions would leave it out and say nothing.
DATA, SPREADING, CHOOSING_OUTPUTS, AS_FOLDER = "data", "joblib", "choosing-outputs", "as-folder"
ABILITIES = frozenset({DATA, SPREADING, CHOOSING_OUTPUTS, AS_FOLDER})


@dataclass(frozen=True, slots=True)
class Demands:
    """What a run asks for. Nothing of it: any agent of its pool will do."""

    isolation: Isolation = Isolation.UNSPECIFIED
    resources: Resources = NO_RESOURCES
    network_disabled: bool = False
    abilities: frozenset[str] = frozenset()

    @property
    def weigh(self) -> bool:
        """Whether they take something away from other runs of the same machine."""
        return bool(self.resources.cpus or self.resources.memory_bytes or self.resources.gpus)


NO_DEMANDS = Demands()


@lru_cache(maxsize=1024)
def demands_to_text(demands: Demands) -> str:
    """Return demands as their column holds them: empty for none."""
    rest = {
        "isolation": demands.isolation.value,
        "network_disabled": demands.network_disabled,
        "abilities": sorted(demands.abilities),
    }
    asked = {name: value for name, value in {**rest, **asdict(demands.resources)}.items() if value}
    return json.dumps(asked, separators=(",", ":"), sort_keys=True) if asked else ""


@lru_cache(maxsize=1024)
def demands_of(text: str) -> Demands:
    """Return the demands that a column holds."""
    asked: dict[str, Any] = json.loads(text or "{}")
    isolation, network_disabled = Isolation(asked.pop("isolation", 0)), asked.pop("network_disabled", False)
    abilities = frozenset(asked.pop("abilities", ()))
    return Demands(isolation, Resources(**asked), network_disabled, abilities)


def resources_to_text(resources: Resources) -> str:
    """Return what an agent has as its column holds it."""
    return json.dumps({each.name: value for each in fields(resources) if (value := getattr(resources, each.name))})


def resources_of(text: str) -> Resources:
    """Return what such a column says."""
    return Resources(**json.loads(text))
