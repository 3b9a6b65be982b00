"""Runs as processes of the agent's user, in virtual environments that are made here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent import command, control
from orris_agent.folder import RunFolder
from orris_agent.run_data import RunData
from orris_agent.runtimes.port import Ending
from orris_agent.runtimes.process import supervisors
from orris_agent.runtimes.process.ended import end, ending_of, wait_for_exit
from orris_agent.runtimes.process.environments import VirtualEnvironments
from orris_agent.runtimes.process.warm.launchers import Launchers
from orris_agent.spreading import Spreading
from orris_kit.blocking import run_blocking


class ProcessRuntime:
    """Executes runs as processes, which get of the agent's variables what is not private to it."""

    preparing = "its environment is being installed on the agent's machine"

    def __init__(
        self,
        environments: VirtualEnvironments,
        environ: Mapping[str, str],
        launchers: Launchers | None = None,
        spreading: Spreading | None = None,
    ) -> None:
        """`launchers` make runs warm: without, each gets a fresh interpreter. Without `spreading`, none is spread."""
        self._environments = environments
        self._environ = environ
        self._launchers = launchers
        self._spreading = spreading or Spreading(None, Path())

    async def is_ready(self, lease: agents.Lease) -> bool:
        self._spreading.check(lease.run, lease.image)
        return self._environments.ready(lease.image) is not None

    async def make_ready(self, lease: agents.Lease, log: Callable[[str], None]) -> None:
        await self._environments.make(lease.image, log)

    def has_started(self, folder: RunFolder) -> bool:
        return supervisors.has_started(folder.root)

    async def start(self, lease: agents.Lease, folder: RunFolder) -> str:
        if self.has_started(folder):
            return ""
        python = self._environments.python(lease.image)
        surrounding = command.inherited(self._environ, python)
        variables = await run_blocking(self._write_command, lease, folder, python, surrounding)
        why = "its agent starts none"
        if self._launchers is not None:
            base = command.variables_of_all(lease, str(python), surrounding)
            why = await self._launchers.start(lease, folder, python, base, variables)
        if why:
            await run_blocking(supervisors.start_written, folder.root)
        return f"It was not started warm: {why}." if why and lease.run.isolation == runs.ISOLATION_WARM else ""

    def _write_command(
        self, lease: agents.Lease, folder: RunFolder, python: Path, surrounding: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Put into the folder what is to be executed, and what data there is; return the variables that it gets.

        From now on the run may have begun.
        """
        data = RunData(lease.run, folder)
        record = control.write_data(folder.control, data.record())
        variables = command.variables(lease, folder, str(python), surrounding) | data.variables(record)
        variables |= self._spreading.variables(lease, folder, variables)
        control.write_command(
            folder.control,
            argv=command.argument_list(lease.run, str(python), data),
            env=variables,
            cwd=folder.work,
            time_limit_seconds=command.time_limit(lease.run),
            limits=command.limits(lease.run),
        )
        folder.note_beginning()
        return variables

    async def published(self, lease: agents.Lease, folder: RunFolder) -> str | None:
        return None

    async def wait(self, folder: RunFolder) -> Ending:
        launchers = self._launchers
        exit_ = await wait_for_exit(folder.root, None if launchers is None else launchers.told_of_end(folder))
        if launchers is not None:
            launchers.ended(folder, exit_)
        return ending_of(exit_)

    def cancel(self, folder: RunFolder) -> None:
        if self.has_started(folder):
            supervisors.cancel(folder.root)

    def extend(self, folder: RunFolder, deadline: float) -> None:
        control.set_deadline(folder.control, deadline)

    async def end(self, folder: RunFolder) -> None:
        await end(folder.root)

    async def end_others(self, held: Collection[str]) -> None:
        """Do nothing: without its folder a run is ended by its lease, and its folder names it until then."""

    async def tidy(self) -> None:
        """Do nothing: the environments are the images service's as well, which collects them."""
