"""Runs of scripts, fresh and warm, in an environment that has the libraries of this one."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
import sysconfig
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orris.images.v1 import images_pb2 as images
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.exits import Exit
from orris_agent.folder import RunFolder, RunFolders
from orris_agent.runtimes.process.environments import VirtualEnvironments
from orris_agent.runtimes.process.runtime import ProcessRuntime
from orris_agent.runtimes.process.warm.launchers import Launchers
from orris_agent.runtimes.warm.room import Limits, Room
from orris_kit.environment_folder import MARKER

IMAGE = "workspaces/lab/images/with-libraries"


@dataclass
class Ended:
    """A run that has ended: its log, how it ended, and what its user is told of its start."""

    log: bytes
    exit: Exit
    told: str
    folder: RunFolder

    @property
    def text(self) -> str:
        """The log without what is each run's own."""
        text = self.log.decode("utf-8", "backslashreplace")
        return re.sub(r"(?<= at )0x[0-9a-f]+", "0x", re.sub(r"(e_1|lease)_?-?[0-9a-f]{8}", "RUN", text))


class Machine:
    """An agent's process runtime. `launchers` may be closed and replaced."""

    def __init__(self, folder: Path, limits: Limits | None = None, python: str = "") -> None:
        self.folder = folder
        self.folders = RunFolders(folder / "runs")
        self.environments = folder / "environments"
        _make_environment(self.environments / IMAGE.rpartition("/")[2], python)
        self.launchers = Launchers(folder / "launchers", Room(limits or Limits()))

    def runtime(self) -> ProcessRuntime:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
        return ProcessRuntime(VirtualEnvironments(self.environments), environ, self.launchers)

    def lease(
        self, files: dict[str, str], arguments: Sequence[str] = (), **fields: Any
    ) -> tuple[agents.Lease, RunFolder]:
        """Return the lease and the folder of a run of main.py, which is in a folder with other files."""
        token = secrets.token_hex(4)
        variables = fields.pop("of_environment", {})
        fields = {"script": "main.py", "arguments": arguments, "submitted_by": "ada", **fields}
        run = runs.Run(name=f"workspaces/lab/runs/e_1_{token}", experiment="workspaces/lab/experiments/e", **fields)
        lease = agents.Lease(
            id=f"lease-{token}",
            run=run,
            image=images.Image(name=IMAGE),
            run_token="token",
            environment_variables=variables,
        )
        folder = self.folders.create(f"e_1_{token}", lease.id)
        folder.work.mkdir()
        for name, content in files.items():
            (folder.work / name).parent.mkdir(parents=True, exist_ok=True)
            (folder.work / name).write_text(content)
        return lease, folder

    async def run(self, program: str, *arguments: str, files: dict[str, str] | None = None, **fields: Any) -> Ended:
        """Execute a script to its end."""
        lease, folder = self.lease({"main.py": program, **(files or {})}, arguments, **fields)
        told = await self.runtime().start(lease, folder)
        return await self.ended(folder, told)

    async def ended(self, folder: RunFolder, told: str = "") -> Ended:
        """Wait for a run that was started."""
        async with asyncio.timeout(60):
            ending = await self.runtime().wait(folder)
        assert ending.exit is not None, ending
        return Ended(folder.std_log.read_bytes() if folder.std_log.exists() else b"", ending.exit, told, folder)


WARM: dict[str, Any] = {"isolation": runs.ISOLATION_WARM}
FRESH: dict[str, Any] = {"isolation": runs.ISOLATION_PROCESS}


def _make_environment(folder: Path, python: str) -> None:
    """Make a virtual environment that finds the libraries of this one."""
    if python:
        import subprocess

        subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    else:
        venv.create(folder, symlinks=True, with_pip=False)
        site_packages = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        (site_packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (folder / MARKER).write_text("{}")
