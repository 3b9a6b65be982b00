"""One version's conversion, from its environment to its verdict. Every step can be done again after a restart."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris_kit.blocking import run_blocking
from orris_models import report
from orris_models.core import Models
from orris_models.keeping import Keeping
from orris_models.model import Conversion, Signature, State, Version
from orris_models.ports import Artifacts, Images, Run, RunOrder, Runs
from orris_models.program import PACKAGES, SCRIPT, compose

REPORT = "outputs/report.json"
GRAPH = "outputs/model.onnx"
MAX_MESSAGE = 1000
# What the artifacts say of what was collected. Of an ended conversion's outputs nothing is kept but what is used here.
_GONE = frozenset({"TREE_NOT_FOUND", "BLOB_NOT_FOUND", "BLOBS_MISSING"})


class Converter:
    """Converts versions by runs in their own environments."""

    def __init__(
        self,
        models: Models,
        keeping: Keeping,
        artifacts: Artifacts,
        images: Images,
        runs: Runs,
        time_limit_seconds: float,
    ) -> None:
        self._models = models
        self._keeping = keeping
        self._artifacts = artifacts
        self._images = images
        self._runs = runs
        self._time_limit_seconds = time_limit_seconds

    async def convert(self, version: Version) -> None:
        """Bring a version's conversion to its end. Raises Retryable where a neighbour cannot answer: again later."""
        if not version.conversion.run:
            run = await self._start(version)
            version = await self._record(version, Conversion(State.PENDING, "waits for its run", run=run.name))
        while True:
            running = version.conversion.state is State.RUNNING
            run = await self._runs.change_of(version.conversion.run, seen_running=running)
            if not run.finished:
                version = await self._record(version, Conversion(State.RUNNING, "is being examined", run=run.name))
            elif await self._conclude(version, run):
                return
            else:
                run = await self._start(version)
                version = await self._record(version, Conversion(State.PENDING, "waits for its run", run=run.name))

    async def prepare(self, image: str) -> str:
        """Have the image made that models of `image` are converted in; return the build's name.

        Raises NotFound (IMAGE_NOT_FOUND), FailedPrecondition where nothing can be added to it.
        """
        return await self._images.begin_overlay(image, PACKAGES)

    async def give_up(self, version: Version, reason: str) -> None:
        """Record that a version could not be examined."""
        await self._record(version, failed(reason, version.conversion.run))

    async def _conclude(self, version: Version, run: Run) -> bool:
        """Record what a run found out; return False when its outputs are gone: nobody came for them for too long."""
        try:
            signature, conversion = await self._outcome(version, run)
        except (NotFound, FailedPrecondition) as error:
            if error.reason not in _GONE:
                raise
            return False
        conversion = replace(conversion, run=run.name)
        if conversion.onnx_tree:
            async with self._keeping.with_graph(version, conversion.onnx_tree):
                await self._record(version, conversion, signature)
        else:
            await self._record(version, conversion, signature)
        return True

    async def _start(self, version: Version) -> Run:
        """Create the run, or the one after the version's run."""
        image, no_onnx = await self._image(version)
        order = RunOrder(
            workspace=version.workspace,
            request_id=_request_id(version, f"run {version.conversion.run}".strip()),
            image=image,
            snapshot=await compose(self._artifacts, version, no_onnx),
            script=SCRIPT,
            display_name=f"{version.model}:{version.number}"[:255],
            time_limit_seconds=self._time_limit_seconds,
            tags={"model": version.name},
        )
        return await self._runs.create(order)

    async def _image(self, version: Version) -> tuple[str, str]:
        """Return the image to convert in, else the model's own and why nothing can be converted there."""
        own = version.content.image
        try:
            built = await self._images.build_overlay(own, PACKAGES, _request_id(version, "build"))
        except (FailedPrecondition, InvalidArgument) as error:
            return own, _no_onnx(error.message)
        return (built.image, "") if built.image else (own, _no_onnx(built.error))

    async def _outcome(self, version: Version, run: Run) -> tuple[Signature | None, Conversion]:
        if not run.succeeded:
            return None, failed(run.failure or "its run failed", run.name)
        files = {each.path: each for each in await self._artifacts.files(run.outputs)} if run.outputs else {}
        if REPORT not in files or files[REPORT].size > report.MAX_BYTES:
            return None, failed("its run left no report of at most 1 MiB", run.name)
        try:
            signature, conversion = report.parse(await self._artifacts.read(version.workspace, files[REPORT]))
        except report.BadReport as error:
            return None, failed(f"its run left a report that cannot be used: {error}", run.name)
        if conversion.state is not State.VERIFIED:
            return signature, conversion
        if GRAPH not in files:
            return signature, failed("its run left no graph", run.name)
        tree = await self._artifacts.create_tree(version.workspace, {"model.onnx": files[GRAPH]})
        return signature, replace(conversion, onnx_tree=tree)

    async def _record(self, version: Version, conversion: Conversion, signature: Signature | None = None) -> Version:
        await run_blocking(self._models.set_conversion, version, conversion, signature)
        return replace(version, conversion=conversion, signature=signature)


def failed(reason: str, run: str = "") -> Conversion:
    """Return a conversion that ended without a verdict."""
    return Conversion(State.FAILED, f"the model could not be examined: {reason}"[:MAX_MESSAGE], run=run)


def _request_id(version: Version, step: str) -> str:
    """Return the same id for the same step after a restart."""
    return hashlib.sha256(f"{step} {version.name} {version.create_time.isoformat()}".encode()).hexdigest()[:32]


def _no_onnx(reason: str) -> str:
    lines = reason.strip().splitlines() or ["no reason given"]
    said = f"its environment cannot hold what a conversion needs ({', '.join(PACKAGES)}): {lines[0][:300]}"
    return f"{said}; the original is served"
