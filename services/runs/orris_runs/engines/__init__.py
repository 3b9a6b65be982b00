"""The engines that pools can have, by name; each is imported when a pool needs it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orris_runs.engines.port import Engine, Surroundings


def _local(surroundings: "Surroundings") -> "Engine":
    from orris_runs.engines.local import LocalEngine

    return LocalEngine(surroundings)


def _ray(surroundings: "Surroundings") -> "Engine":
    from orris_runs.engines.ray.config import RaySettings
    from orris_runs.engines.ray.engine import RayEngine

    return RayEngine(surroundings, RaySettings())


ENGINES: "dict[str, Callable[[Surroundings], Engine]]" = {"local": _local, "ray": _ray}
