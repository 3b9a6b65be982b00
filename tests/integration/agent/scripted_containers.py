"""Runs of scripts in containers, each started with its run or in one that waited for it.

As a program (`python -m tests.integration.agent.scripted_containers FOLDER HOST`) it is an agent that executes one run
of `import json`, says "waits" when a container waits for the next one, and goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orris.images.v1 import images_pb2 as images
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.folder import RunFolder, RunFolders
from orris_agent.runtimes.docker.container import FOLDER_LABEL, WAITING_LABEL, name_of
from orris_agent.runtimes.docker.engine import Engine
from orris_agent.runtimes.port import Ending
from orris_agent.runtimes.warm.room import Limits, Room
from tests.servers.docker import BASE_IMAGE
from tests.servers.runtimes import docker_runtime

AGENT = "scripted"
WAIT_SECONDS = 60


@dataclass
class Ended:
    """A run that has ended: its log, how it ended, and whether its container had waited for it."""

    text: str
    ending: Ending
    warm: bool
    folder: RunFolder


class ScriptedContainers:
    """An agent's runtime. `limits` of what may wait; None: nothing may."""

    def __init__(self, folder: Path, host: str, limits: Limits | None = None) -> None:
        self.folder = folder
        self.folders = RunFolders(folder / "runs")
        self.engine = Engine({"DOCKER_HOST": host})
        self.runtime = docker_runtime(folder, host, agent=AGENT, room=None if limits is None else Room(limits))

    async def start(self, program: str, **fields: Any) -> tuple[agents.Lease, RunFolder]:
        """Start a run of main.py."""
        lease, folder = self.lease(program, **fields)
        await self.runtime.start(lease, folder)
        return lease, folder

    async def run(self, program: str, **fields: Any) -> Ended:
        """Execute a script to its end."""
        lease, folder = await self.start(program, **fields)
        return await self.ended(lease, folder)

    async def run_warm(self, program: str, **fields: Any) -> Ended:
        """Execute a script in a container that waited for it, after as many others as that needs."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                ended = await self.run(program, **fields)
                if ended.warm:
                    return ended

    async def ended(self, lease: agents.Lease, folder: RunFolder) -> Ended:
        """Wait for a run that was started, and remove its container."""
        async with asyncio.timeout(WAIT_SECONDS):
            ending = await self.runtime.wait(folder)
        text = folder.std_log.read_text() if folder.std_log.exists() else ""
        warm = await self.is_warm(lease)
        await self.runtime.end(folder)
        return Ended(text.replace(folder.run_id, "RUN"), ending, warm, folder)

    async def is_warm(self, lease: agents.Lease) -> bool:
        """Tell whether a run's container was there before it."""
        return WAITING_LABEL in (await self.inspected(name_of(lease.id)))["Config"]["Labels"]

    async def inspected(self, name: str) -> dict[str, Any]:
        """Return what the engine says of a container."""
        found: dict[str, Any] = await self.engine.call(lambda api: api.inspect_container(name))
        return found

    async def waiting(self, *, running: bool = False) -> list[str]:
        """Return the names of this agent's containers that wait; `running`: without those that have ended."""
        listed = await self.engine.call(lambda api: api.containers(all=not running, filters={"label": WAITING_LABEL}))
        return sorted(
            name
            for each in listed
            if (name := each["Names"][0].lstrip("/")).startswith("orris-waiting-")
            and Path(each["Labels"][FOLDER_LABEL]).is_relative_to(self.folder)
        )

    def lease(self, program: str, **fields: Any) -> tuple[agents.Lease, RunFolder]:
        """Return the lease and the folder of a run of main.py."""
        token = secrets.token_hex(4)
        run = runs.Run(
            name=f"workspaces/lab/runs/e_1_{token}",
            experiment="workspaces/lab/experiments/e",
            **{"script": "main.py", "submitted_by": "ada", "isolation": runs.ISOLATION_CONTAINER, **fields},
        )
        image = images.Image(reference=BASE_IMAGE, lock=images.Lock(interpreter="/usr/bin/python3"))
        lease = agents.Lease(id=f"lease-{token}", run=run, image=image, run_token="token")
        folder = self.folders.create(f"e_1_{token}", lease.id, contained=True)
        folder.work.mkdir()
        (folder.work / "main.py").write_text(program)
        return lease, folder


async def _serve(folder: Path, host: str) -> None:
    agent = ScriptedContainers(folder, host, Limits())
    for _ in range(3):  # nothing more is learned then
        await agent.run_warm("import json")
    while len(await agent.waiting(running=True)) != 1 or len(await agent.waiting()) != 1:  # noqa: ASYNC110 - containers
        await asyncio.sleep(0.05)
    print("waits", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2]))
