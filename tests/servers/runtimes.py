"""Runtimes of an agent, and runs for them."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Any

from orris.errors import Unimplemented
from orris.images.v1 import images_pb2 as images
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.folder import RunFolder, RunFolders
from orris_agent.runtimes.docker.engine import Engine
from orris_agent.runtimes.docker.images import EngineImages
from orris_agent.runtimes.docker.pulled import PulledImages
from orris_agent.runtimes.docker.pulling import Registry
from orris_agent.runtimes.docker.restoring import Restoring
from orris_agent.runtimes.docker.runtime import DockerRuntime
from orris_agent.runtimes.port import Runtime
from orris_agent.runtimes.process.environments import VirtualEnvironments
from orris_agent.runtimes.process.runtime import ProcessRuntime
from orris_agent.runtimes.warm.room import Room
from tests.servers.docker import BASE_IMAGE


class NoImages:
    """Stands in for an images service that makes nothing."""

    async def RestoreImage(self, request: Any) -> Any:
        raise Unimplemented("this images service makes nothing again")


def docker_runtime(
    folder: Path,
    host: str,
    registry: Registry | None = None,
    service: Any = None,
    network: str = "",
    room: Room | None = None,
    agent: str = "",
) -> DockerRuntime:
    """Return what executes runs in containers of the engine at `host`; `room`: for those that wait."""
    engine = Engine({"DOCKER_HOST": host})
    images_service: Any = service or NoImages()
    pulled = PulledImages(folder / "images", engine, images_service, keep_unused=86_400)
    known = EngineImages(engine, registry or Registry(), Restoring(images_service), pulled)
    return DockerRuntime(engine, known, folder, agent or f"agent-{os.getpid()}", network, room)


class Machine:
    """An agent's folder and one of its runtimes. As often as it is asked for, the runtime is that of a new agent."""

    def __init__(self, folder: Path, host: str | None = None) -> None:
        self.folder, self.host = folder, host
        self.folders = RunFolders(folder / "runs")

    def runtime(self) -> Runtime:
        if self.host is not None:
            return docker_runtime(self.folder, self.host)
        return ProcessRuntime(VirtualEnvironments(self.folder / "environments"), os.environ)

    @property
    def image(self) -> images.Image:
        """An image with a Python that runs have."""
        if self.host is not None:
            return images.Image(reference=BASE_IMAGE, lock=images.Lock(interpreter="/usr/bin/python3"))
        return images.Image(lock=images.Lock(interpreter=sys.executable))

    def run(self, *command: str, **fields: Any) -> tuple[agents.Lease, RunFolder]:
        """Return the lease and the folder of a run of a command."""
        token = secrets.token_hex(4)
        run = runs.Run(
            name=f"workspaces/lab/runs/e_1_{token}",
            experiment="workspaces/lab/experiments/e",
            command=command,
            **fields,
        )
        lease = agents.Lease(id=f"lease-{token}", run=run, image=self.image, run_token="token")
        folder = self.folders.create(f"e_1_{token}", lease.id, self.host is not None)
        folder.work.mkdir()
        return lease, folder
