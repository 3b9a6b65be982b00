"""Engines with what is around them, for the one suite over all of them.

An engine joins by a class like `LocalLab`, and a line in LABS: with what it needs where that may be absent.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Protocol

from orris_runs.engines.local import LocalEngine, end_all, nodes_folder
from orris_runs.engines.port import Engine, Surroundings


class EngineLab(Protocol):
    """An engine, another one over the same machines, and a way to kill a node's agent behind its back."""

    engine: Engine

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

    def __init__(self, home: Path) -> None:
        self._surroundings = surroundings(home)
        self.engine: Engine = LocalEngine(self._surroundings)

    def another(self) -> Engine:
        return LocalEngine(self._surroundings)

    def kill(self, pool: str, node: str) -> None:
        os.kill(int((nodes_folder(self._surroundings.home) / pool / node / "pid").read_text()), signal.SIGKILL)

    def close(self) -> None:
        end_all(self._surroundings.home)


LABS = {"local": LocalLab}
