"""Which runtime executes a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orris.runs.v1 import runs_pb2 as runs
from orris_agent.folder import RunFolder
from orris_agent.runtimes.port import Runtime


@dataclass(frozen=True)
class Runtimes:
    """The runtimes of an agent. `offered`: what runs are told of, what a run gets that asks for nothing first."""

    process: Runtime
    container: Runtime
    offered: Sequence[runs.Isolation.ValueType] = (runs.ISOLATION_PROCESS,)

    def contains(self, run: runs.Run) -> bool:
        """Tell whether a run is put into a container: never less than it asked for, or than this machine insists on."""
        if run.isolation == runs.ISOLATION_UNSPECIFIED:
            return self.offered[0] == runs.ISOLATION_CONTAINER
        return run.isolation == runs.ISOLATION_CONTAINER or runs.ISOLATION_PROCESS not in self.offered

    def of(self, folder: RunFolder) -> Runtime:
        """Return what executes the run in `folder`, whatever this agent offers to new ones."""
        return self.container if folder.contained else self.process

    def __iter__(self) -> Iterator[Runtime]:
        yield from (self.process, self.container)
