"""The engines that pools can have, by name; each is imported when a pool needs it."""

from collections.abc import Collection

from orris_runs.engines.port import Engine, EngineKind, Surroundings


def _local(surroundings: Surroundings) -> Engine:
    from orris_runs.engines.local import LocalEngine

    return LocalEngine(surroundings)


def _ray(surroundings: Surroundings) -> Engine:
    from orris_runs.engines.ray.config import RaySettings
    from orris_runs.engines.ray.engine import RayEngine

    return RayEngine(surroundings, RaySettings())


def _no_options() -> Collection[str]:
    return ()


def _ray_options() -> Collection[str]:
    from orris_runs.engines.ray.config import OPTIONS

    return OPTIONS


ENGINES = {"local": EngineKind(_local, _no_options), "ray": EngineKind(_ray, _ray_options)}
