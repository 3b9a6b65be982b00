"""Submitting and finishing runs: what the other services are asked for around the rules."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial

from orris.artifacts.v1.artifacts_pb2 import SmallFiles
from orris.errors import FailedPrecondition, NotFound, OrrisError
from orris.names import DatasetVersionName, RunName
from orris.tables import is_table
from orris_kit.blocking import run_blocking
from orris_runs.artifacts_client import Artifacts
from orris_runs.builds import Images
from orris_runs.core import Core
from orris_runs.data import Input, Mode, Read
from orris_runs.demands import NO_CONTAINER_IMAGES, Isolation
from orris_runs.gathering import Gathering
from orris_runs.identical import Earlier
from orris_runs.leases import Outcome
from orris_runs.model import NewRun, Prepared, Run
from orris_runs.references import References
from orris_runs.reporting import News
from orris_runs.spreading import Spreading
from orris_runs.sweeps.plan import Plan


class Submitting:
    """Submits runs, and ends them."""

    def __init__(self, core: Core, images: Images, artifacts: Artifacts, references: References) -> None:
        self._core = core
        self._images = images
        self._artifacts = artifacts
        self._references = references
        self._spreading = Spreading(core, images)
        # A reference is noted durably before it is made: recording the run takes the note back.
        self._noting = Gathering[RunName](lambda runs: run_blocking(core.loose.begin, runs))

    async def begin(
        self, new: NewRun, session: str, caller: str | None, request_id: str, payload: bytes
    ) -> tuple[Run, str]:
        """Record an interactive run; return it, or what the same request recorded before, and its session."""
        self._core.submission.check(new)
        name = RunName(new.workspace, self._core.submission.new_id(new.experiment))
        begin = partial(self._core.interactive.begin, name.run, new, session, caller, request_id, payload)
        try:
            if new.program.snapshot:
                await self._noting.do(name)
                await self._artifacts.refer(name, [new.program.snapshot], [])
            run, own = await run_blocking(begin)
        except BaseException:
            await self._give_up(name, new)
            raise
        if run.id != name.run:
            await self._give_up(name, new)
        return run, own

    async def keep(self, name: RunName, outputs: str, previous: str) -> Run:
        """Let a run keep another tree. Raises as `Interactive.check_may_keep`, NotFound (TREE_NOT_FOUND)."""
        async with self._references.turn(name):
            await run_blocking(self._core.interactive.check_may_keep, name, outputs, previous)
            await self._references.add(name, trees=(outputs,))
            return await run_blocking(self._core.interactive.keep, name, outputs, previous)

    async def submit(self, new: NewRun, request_id: str, payload: bytes) -> Run:
        """Record a run; return it, or what the same request recorded before."""
        self._core.submission.check(new)
        if new.program.script:
            await self._artifacts.check_script(new.program.snapshot, new.program.script)
        new = await self._with_data(new)
        name = RunName(new.workspace, self._core.submission.new_id(new.experiment))
        try:
            prepared, earlier = await self._get_ready(name, new)
            record = self._core.submission.recording(name.run, new, prepared, request_id, payload, earlier)
            run = await self._core.store.soon(record)
        except BaseException:
            await self._give_up(name, new)
            raise
        if run.id != name.run:
            await self._give_up(name, new)
        return run

    async def begin_sweep(self, plan: Plan, new: NewRun, request_id: str, payload: bytes) -> str:
        """Record a sweep; return its run's id, or that which the same request recorded before.

        `new` is the run that it is. Its reference keeps snapshot and data for all of its trials: none outlives it.
        """
        self._core.sweep_recording.check(plan, new)
        if new.program.script:
            await self._artifacts.check_script(new.program.snapshot, new.program.script)
        trial = await self._with_data(plan.trial)
        plan, new = replace(plan, trial=trial), replace(new, program=trial.program)
        name = RunName(new.workspace, self._core.submission.new_id(new.experiment))
        try:
            await self._noting.do(name)
            prepared = await self._prepare(new)
            await self._artifacts.refer(name, new.program.trees, [])
            create = partial(self._core.sweep_recording.create, name.run, new, plan, prepared, request_id, payload)
            made = await run_blocking(create)
        except BaseException:
            await self._give_up_noted(name)
            raise
        if made != name.run:
            await self._give_up_noted(name)
        return made

    async def finish(self, lease: str, outcome: Outcome, news: News = News(), files: SmallFiles | None = None) -> None:
        """End a leased run, its outputs kept, with the last that it has written. Its outputs may be `files`.

        Raises what `Reporting.finishing` does, NotFound (TREE_NOT_FOUND), and what storing the files does.
        """
        finishing = partial(self._core.reporting.finishing, lease, news)
        finishing(outcome)  # raises what is wrong before anything is done
        begin = partial(self._core.leases.begin_finish, lease, outcome)
        trees = tuple(filter(None, (outcome.outputs, *(each.tree for each in outcome.produced))))
        if (run := await self._core.store.glance(begin)) is None:
            return
        turn = self._references.turn(run)
        waited = turn.locked()
        async with turn:
            if waited and await self._core.store.glance(begin) is None:
                return
            if files is not None:
                outcome = replace(outcome, outputs=await self._references.keep(run, files, trees))
            elif trees:
                await self._references.add(run, trees=trees)
            await self._core.store.soon(finishing(outcome))

    async def read(self, lease: str, dataset: DatasetVersionName) -> None:
        """Record that a leased run reads a version that it was not given, and have its files kept as long as the run.

        Raises what `Leases.begin_read` and `record_read` do, and NotFound (DATASET_NOT_FOUND, TREE_NOT_FOUND).
        """
        begin = partial(self._core.leases.begin_read, lease, dataset)
        if (run := await self._core.store.glance(begin)) is None:
            return
        async with self._references.turn(run):
            if await self._core.store.glance(begin) is None:
                return
            found = await self._artifacts.dataset(str(dataset))
            await self._references.add(run, trees=(found.tree,))
            await run_blocking(self._core.leases.record_read, lease, Read(found.name, found.tree, found.id))

    async def _get_ready(self, name: RunName, new: NewRun) -> tuple[Prepared, Earlier | None]:
        """Have kept what the run needs; return its image or build, and the run whose results it can have."""
        if not new.refers:
            return await self._prepare(new), None
        noted = asyncio.ensure_future(self._noting.do(name))
        try:
            prepared = await self._prepare(new)
        finally:
            await noted
        # Nobody else knows the name yet: nothing to add to.
        own = new.program.trees
        if new.reuse and (earlier := await run_blocking(self._core.identical.find, new, prepared)) is not None:
            with suppress(NotFound):  # its outputs are not there any more: the run is executed
                await self._artifacts.refer(name, sorted({*own, *filter(None, [earlier.outputs])}), [])
                return prepared, earlier
        await self._artifacts.refer(name, own, [])
        return prepared, None

    async def _with_data(self, new: NewRun) -> NewRun:
        """Return the run with the files of its datasets, as they are now. Raises NotFound (DATASET_NOT_FOUND)."""
        if not new.program.inputs:
            return new
        found = await asyncio.gather(*map(self._resolved, new.program.inputs))
        resolved = replace(new, program=replace(new.program, inputs=found))
        self._core.submission.check(resolved)
        return resolved

    async def _resolved(self, wanted: Input) -> Input:
        if wanted.dataset:
            dataset = await self._artifacts.dataset(wanted.dataset)
            wanted = replace(wanted, dataset=dataset.name, tree=dataset.tree, table=wanted.table or dataset.table)
        if wanted.mode is Mode.UNSPECIFIED:
            wanted = replace(wanted, mode=Mode.DIRECT if is_table(wanted.table) else Mode.MOUNT)
        return wanted

    async def _prepare(self, new: NewRun) -> Prepared:
        prepared = await self._spreading.prepare(new)
        if not prepared.image or new.demands.isolation is not Isolation.CONTAINER:
            return prepared
        if not (await self._images.image(prepared.image)).reference:
            raise FailedPrecondition(NO_CONTAINER_IMAGES, reason="NO_CONTAINER_IMAGES")
        return prepared

    async def _give_up(self, name: RunName, new: NewRun) -> None:
        """Let what is kept for a run that was not recorded be released. Where that fails, the next start does it."""
        if new.refers:
            await self._give_up_noted(name)

    async def _give_up_noted(self, name: RunName) -> None:
        with suppress(OrrisError):
            # Recording it may go on in its thread, or have been committed just as the connection was lost.
            await asyncio.shield(run_blocking(self._core.loose.give_up, name))
