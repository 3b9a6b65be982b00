"""Ends what engines keep alive for an installation that ends itself: nothing of it goes on behind its user's back."""

from orris_runs.engines.local import end_all
from orris_runs.engines.port import EngineUnavailable, Surroundings


def end_nodes(around: Surroundings) -> str:
    """End all nodes, once nobody brings new ones. Return what may go on, and how that is ended; empty: nothing does."""
    end_all(around.home)
    if not any((around.home / "engines" / "ray").glob("*.json")):
        return ""
    from orris_runs.engines.ray.config import RaySettings
    from orris_runs.engines.ray.engine import RayEngine

    engine = RayEngine(around, RaySettings())
    try:
        engine.end_all()
    except EngineUnavailable as problem:
        return problem.message
    finally:
        engine.close()
    return ""
