"""Submitting and finishing runs: what the other services are asked for around the rules."""

import asyncio
import weakref
from contextlib import suppress

from orris.errors import OrrisError
from orris.names import RunName
from orris_kit.blocking import run_blocking
from orris_runs.artifacts_client import Artifacts
from orris_runs.builds import Images
from orris_runs.core import Core
from orris_runs.leases import Outcome
from orris_runs.model import NewRun, Prepared, Run


class References:
    """What is kept for runs: set before what needs it is recorded, one change at a time for each run."""

    def __init__(self, core: Core, artifacts: Artifacts) -> None:
        self._core = core
        self._artifacts = artifacts
        self._locks: weakref.WeakValueDictionary[RunName, asyncio.Lock] = weakref.WeakValueDictionary()

    async def add(self, run: RunName, trees: tuple[str, ...] = (), blobs: tuple[str, ...] = ()) -> None:
        """Have these kept as well as what the run needs already. Raises NotFound (TREE_NOT_FOUND)."""
        async with self._locks.setdefault(run, asyncio.Lock()):
            needs = await run_blocking(self._core.archive.needs, run)
            await self._artifacts.refer(run, sorted({*needs.trees, *trees}), sorted({*needs.blobs, *blobs}))


class Submitting:
    """Submits runs, and ends them."""

    def __init__(self, core: Core, images: Images, artifacts: Artifacts, references: References) -> None:
        self._core = core
        self._images = images
        self._artifacts = artifacts
        self._references = references

    async def submit(self, new: NewRun, request_id: str, payload: bytes) -> Run:
        """Record a run; return it, or what the same request recorded before."""
        self._core.submission.check(new)
        name = RunName(new.workspace, self._core.submission.new_id(new.experiment))
        prepared = await self._get_ready(name, new)
        try:
            run = await run_blocking(self._core.submission.submit, name.run, new, prepared, request_id, payload)
        except BaseException:
            await self._forget(name, new)
            raise
        if run.id != name.run:
            await self._forget(name, new)
        return run

    async def finish(self, lease: str, outcome: Outcome) -> None:
        """End a leased run, its outputs kept. Raises NotFound (TREE_NOT_FOUND), FailedPrecondition (LEASE_LOST)."""
        begin = self._core.leases.begin_finish
        if (run := await run_blocking(begin, lease, outcome.state, outcome.outputs)) is None:
            return
        if outcome.outputs:
            await self._references.add(run, trees=(outcome.outputs,))
        await run_blocking(self._core.leases.finish, lease, outcome)

    async def _get_ready(self, name: RunName, new: NewRun) -> Prepared:
        program = new.program
        if program.script:
            await self._artifacts.check_script(program.snapshot, program.script)
        prepared = await self._images.prepare(new.workspace, new.environment, new.image)
        if program.snapshot:
            # Nobody else knows the name yet: nothing to add to.
            await self._artifacts.refer(name, [program.snapshot], [])
        return prepared

    async def _forget(self, name: RunName, new: NewRun) -> None:
        """Drop the reference of a run that was not recorded. Where that fails too, bytes are kept for nothing."""
        if new.program.snapshot:
            with suppress(OrrisError):
                await asyncio.shield(self._artifacts.forget(name))
