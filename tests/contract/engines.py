"""Engines with what is around them, for the one suite over all of them.

An engine joins by a class like `LocalLab`, and a line in LABS: with what it needs where that may be absent.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from orris_kit.ray_versions import RayVersions
from orris_runs.engines.local import LocalEngine, end_all, nodes_folder
from orris_runs.engines.port import Engine, NodeRequest, Surroundings
from orris_runs.engines.ray.config import RaySettings
from orris_runs.engines.ray.engine import RayEngine
from tests.servers.ray_cluster import RESOURCE, RayCluster, ray_versions


class EngineLab(Protocol):
    """An engine, another one over the same machines, and a way to kill a node's agent behind its back."""

    name: str
    engine: Engine
    options: Mapping[str, str]
    ray: RayVersions | None

    def another(self) -> Engine:
        """Return the engine as the next process of the service makes it."""
        ...

    def kill(self, pool: str, node: str) -> None:
        """Kill a node's agent with -9, or lose its machine."""
        ...

    def close(self) -> None:
        """End all that was started."""
        ...


def surroundings(home: Path) -> Surroundings:
    """Return surroundings whose services nobody serves: agents try to reach them again and again."""
    home.mkdir(parents=True, exist_ok=True)
    token = home / "agent.token"
    token.write_text("none")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    told = {f"ORRIS_{noun}_ADDRESS": address for noun in ("RUNS", "ARTIFACTS", "IMAGES", "MODELS")}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORRIS_")}
    return Surroundings(home, token, told, {**inherited, "ORRIS_AGENT_ENGINE": "off"})


class LocalLab:
    """Processes of this machine."""

    name = "local"
    options: Mapping[str, str] = {}
    ray: RayVersions | None = None

    def __init__(self, home: Path) -> None:
        self._surroundings = surroundings(home)
        self.engine: Engine = LocalEngine(self._surroundings)

    def another(self) -> Engine:
        return LocalEngine(self._surroundings)

    def kill(self, pool: str, node: str) -> None:
        os.kill(int((nodes_folder(self._surroundings.home) / pool / node / "pid").read_text()), signal.SIGKILL)

    def close(self) -> None:
        end_all(self._surroundings.home)


class RayLab:
    """Machines of a Ray cluster, which is that of the session."""

    name = "ray"

    def __init__(self, home: Path, cluster: RayCluster) -> None:
        self._surroundings = surroundings(home)
        self._cluster = cluster
        self._folder = home / "machine"
        self._engines: list[Engine] = []
        self.options: Mapping[str, str] = {"resource": RESOURCE}
        self.ray: RayVersions | None = ray_versions()
        self.engine = self.another()

    def another(self) -> Engine:
        cluster = self._cluster
        settings = RaySettings(python=cluster.python, address=cluster.address, token_file=cluster.token_file)
        made = _OfRay(self._surroundings, settings, self._folder)
        self._engines.append(made)
        return made

    def kill(self, pool: str, node: str) -> None:
        """Lose its machine: the process that keeps the agent ends, and the agent's folder is nowhere else."""
        home = self._folder / "nodes" / node
        (home / "machine").write_text("another")
        (agent,) = self._cluster.agents(home)
        self._cluster.kill_keeper(agent)

    def close(self) -> None:
        cleaner = self.another()
        for node in cleaner.nodes("lab"):
            cleaner.stop("lab", node.id)
        for engine in self._engines:
            engine.close()


class _OfRay(RayEngine):
    """An engine that is told by its test where agents are."""

    def __init__(self, around: Surroundings, settings: RaySettings, folder: Path) -> None:
        super().__init__(around, settings)
        self._options = {"resource": RESOURCE, "python": sys.executable, "folder": str(folder)}

    def start(self, request: NodeRequest) -> None:
        super().start(replace(request, options=self._options))


def open_lab(name: str, home: Path, request: pytest.FixtureRequest) -> EngineLab:
    """Return an engine with what is around it."""
    if name == "ray":
        return RayLab(home, request.getfixturevalue("ray_cluster"))
    made: EngineLab = LABS[name](home)
    return made


LABS: dict[str, Any] = {"local": LocalLab, "ray": RayLab}
