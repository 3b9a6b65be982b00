"""Nodes as detached actors of a Ray cluster, named INSTALLATION/POOL/NODE. The standard library and Ray only."""

from __future__ import annotations

import contextlib
import logging
import platform
import threading
import time
from typing import Any

import agent_actor  # type: ignore[import-not-found]  # it stands beside this file
import ray
import ray.exceptions
from ray import cloudpickle

# The actors' states straight from the head: ray.util.state asks the dashboard, which may be off.
from ray._private import state

_NAMESPACE = "orris"
_ASK_SECONDS = 3.0
_END_SECONDS = 20.0
_REMEMBERED_SECONDS = 3600


class Cluster:
    """A connection to a cluster that this machine is a part of."""

    def __init__(self, address: str) -> None:
        self._forgotten: set[str] = set()
        cloudpickle.register_pickle_by_value(agent_actor)  # the cluster's machines do not have the module
        try:
            ray.init(address, namespace=_NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
        except ConnectionError as error:
            message = f"no head at {address} lets this machine in: it does not run, or has another token"
            raise ConnectionError(message) from error

    def versions(self) -> dict[str, str]:
        """Return the versions of Ray and Python here: the cluster's, or it would not have let this machine in."""
        return {"ray": ray.__version__, "python": platform.python_version()}

    def start(self, prefix: str, order: dict[str, Any]) -> None:
        """Ask for a node. It holds one of the custom resource, and no processors: they are for work that asks Ray."""
        keeper = ray.remote(agent_actor.AgentActor).options(
            name=prefix + order["id"],
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            resources={order["resource"]: 1},
            max_restarts=-1,
            max_concurrency=4,
        )
        keeper.remote(order)

    def stop(self, name: str) -> None:
        """End a node for good."""
        known = self._told(name).get(name)
        if known is None:
            return
        with contextlib.suppress(ValueError):  # it has ended since
            actor = ray.get_actor(name)
            if known["State"] == "ALIVE":
                # Where its machine is gone, or about to be, its leases end what is left there.
                with contextlib.suppress(ray.exceptions.RayError):
                    ray.get(actor.end.remote(), timeout=_END_SECONDS)
            ray.kill(actor, no_restart=True)
        self._forgotten.add(known["ActorID"])

    def stop_all(self, prefix: str) -> int:
        """End all nodes whose names begin with `prefix`, side by side, for good; return how many there were."""
        names = [name for name, actor in self._told(prefix).items() if actor["State"] != "DEAD"]
        threads = [threading.Thread(target=self.stop, args=(name,), daemon=True) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(names)

    def nodes(self, prefix: str) -> list[dict[str, str]]:
        """Return the nodes whose names begin with `prefix`, what has lately gone included: id, phase, message, host."""
        told = self._told(prefix)
        answers = _ask([name for name, actor in told.items() if actor["State"] == "ALIVE"])
        return [
            {"id": name.removeprefix(prefix), **(answers.get(name) or _as_ray_sees(actor))}
            for name, actor in told.items()
        ]

    def _told(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return what the head knows of actors by their names; of the dead, those that nobody has stopped since."""
        earliest = (time.time() - _REMEMBERED_SECONDS) * 1000
        found: dict[str, dict[str, Any]] = {}
        for actor in state.actors().values():
            name, dead = actor["Name"], actor["State"] == "DEAD"
            if not name.startswith(prefix) or actor["ActorID"] in self._forgotten:
                continue
            if not dead or (name not in found and actor["EndTime"] > earliest):
                found[name] = actor
        return found


def _ask(names: list[str]) -> dict[str, dict[str, str]]:
    """Return what the actors say of themselves, those that answer soon."""
    asked = {}
    for name in names:
        with contextlib.suppress(ValueError):  # it has ended since
            asked[ray.get_actor(name).state.remote()] = name
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_ASK_SECONDS) if asked else ([], [])
    answers = {}
    for answer in answered:
        with contextlib.suppress(ray.exceptions.RayError):
            answers[asked[answer]] = ray.get(answer)
    return answers


def _as_ray_sees(actor: dict[str, Any]) -> dict[str, str]:
    """Return phase, message and host of a node that does not speak for itself."""
    if actor["State"] == "ALIVE":
        return {"phase": "running", "message": "its machine does not answer at the moment", "host": ""}
    if actor["State"] == "DEAD":
        return {"phase": "gone", "message": _cause(actor), "host": ""}
    again = "its machine or its process was lost; " if actor["State"] == "RESTARTING" else ""
    message = f"{again}it waits until the Ray cluster has a machine free for an agent, or its autoscaler brings one"
    return {"phase": "waiting", "message": message, "host": ""}


def _cause(actor: dict[str, Any]) -> str:
    """Return the last line of why an actor has died (message ActorDeathCause of Ray's common.proto)."""
    context = actor["DeathCause"].WhichOneof("context")
    detail = getattr(actor["DeathCause"], context) if context else None
    text = getattr(detail, "formatted_exception_string", "") or getattr(detail, "error_message", "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("RuntimeError: ") if lines else f"Ray says: {context or 'dead'}"
