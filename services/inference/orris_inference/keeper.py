"""Keeps one deployment answering: brings it up, watches it, brings it up again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from orris.errors import Conflict, DeadlineExceeded, Internal, NotFound, OrrisError, Retryable
from orris_inference.deployments import Deployments
from orris_inference.graphs import Graphs
from orris_inference.model import Deployment, State
from orris_inference.outside.models import ModelVersion
from orris_inference.outside.runs import Replica, Stage
from orris_inference.replicas import Replicas
from orris_inference.routes import Routes
from orris_inference.served import Served, ServedModel
from orris_inference.served_script import Scripts, ServedScript
from orris_kit.blocking import run_blocking
from orris_kit.database import DatabaseUnavailable
from orris_kit.logging import get_logger

if TYPE_CHECKING:
    from orris_inference.backends.port import Answering, Backend
    from orris_inference.drift import Drift
    from orris_inference.signature import Signature

ORDER_SECONDS = 10.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds. A replica that answered for `settled` begins with the shortest pause again.

    load: for a program that runs to have loaded its model and say where it answers.
    """

    place: float = 5.0
    load: float = 600.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    settled: float = 60.0
    attempts_before_ready: int = 5


@dataclass(frozen=True, slots=True)
class Tools:
    """What all keepers share. `retired` is told of the deployments that one which answers has replaced."""

    deployments: Deployments
    scripts: Scripts
    graphs: Graphs
    replicas: Replicas
    routes: Routes
    retired: Callable[[list[str]], object]
    patience: Patience


class Keeper:
    """Keeps one deployment answering until it is canceled."""

    def __init__(self, tools: Tools, deployment: Deployment, *, has_answered: bool) -> None:
        self._tools = tools
        self._deployment = deployment
        self._has_answered = has_answered
        self._backend: Answering | None = None
        self._failures = 0
        self._sample = ""
        self._drift: Drift | None = None

    async def keep(self) -> None:
        """Run until canceled, or until the deployment has failed for good."""
        while True:
            try:
                return await self._keep()
            except DatabaseUnavailable as error:
                log.warning("a deployment's keeper waits", endpoint=self._deployment.endpoint, why=error.message)
                await asyncio.sleep(self._tools.patience.first_pause)

    async def _keep(self) -> None:
        try:
            if self._deployment.code is not None:
                await self._keep_script()
            else:
                await self._keep_model()
        except NotFound as error:
            await self._set_state(State.FAILED, error.message)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("a deployment's keeper failed", endpoint=self._deployment.endpoint)
            await self._set_state(State.FAILED, "internal error; the service's log has more")

    async def close(self) -> None:
        """Let calls in progress end. The replica is somebody else's business."""
        if self._backend is not None:
            await self._backend.close()

    async def _keep_script(self) -> None:
        served = ServedScript(self._tools.scripts, self._deployment, self._note)
        while True:
            try:
                await _to_its_end(self._tools.scripts.keep(self._deployment))
                return await self._keep_replica(served)
            except (Retryable, DeadlineExceeded, Internal) as error:
                await self._pause(error.message)
            except OrrisError as error:
                return await self._set_state(State.FAILED, error.message)

    async def _keep_model(self) -> None:
        mine, scripts = self._deployment, self._tools.scripts
        version = await scripts.models.examined(mine.model_version, self._note_later)
        self._sample = version.sample
        if version.graph is not None and await self._serve_graph(version):
            return
        if mine.attempt == 0 and version.examination:
            await self._note(f"The original model is served: {version.examination}")
        await self._keep_replica(ServedModel(scripts.artifacts, mine, version))

    async def _serve_graph(self, version: ModelVersion) -> bool:
        """Serve the graph; False where the original must do it."""
        while True:
            try:
                await self._ready(await self._tools.graphs.load(version))
                return True
            except (Retryable, DeadlineExceeded, Internal) as error:
                await self._pause(f"the ONNX graph cannot be read: {error.message}")
            except OrrisError as error:
                if version.is_onnx:
                    await self._set_state(State.FAILED, error.message)
                    return True
                await self._note(f"The ONNX graph is not served: {error.message}; the original is.")
                return False

    async def _keep_replica(self, served: Served) -> None:
        while True:
            begin = time.monotonic()
            try:
                ended = await self._life(served)
            except Conflict:
                await self._next_attempt()
                await asyncio.sleep(self._tools.patience.first_pause)
                continue
            except (Retryable, DeadlineExceeded, Internal) as error:
                await self._pause(error.message)
                continue
            except OrrisError as error:
                await self._set_state(State.FAILED, error.message)
                return
            if self._has_answered and time.monotonic() - begin > self._tools.patience.settled:
                self._failures = 0
            if await self._is_hopeless(ended):
                return
            await self._pause(_explain(ended), unhealthy=self._has_answered)
            await self._next_attempt()

    async def _life(self, served: Served) -> Replica:
        """Bring up a replica, or adopt the one that is there, and serve by it until it ends; return how it did."""
        tools = self._tools
        if self._deployment.attempt == 0:
            await self._next_attempt()
        if not self._deployment.replica:
            await _to_its_end(self._order(served))  # else its run would be nobody's
            await self._reload()
        run = self._deployment.replica
        copying = asyncio.create_task(self._copy_log(run))
        try:
            following = tools.replicas.follow(run, tools.patience.place, self._unschedulable)
            async with aclosing(following) as changes, asyncio.timeout(None) as limit:
                async for replica in changes:
                    await self._take(replica, served)
                    limit.reschedule(self._load_until(replica, limit.when()))
            await asyncio.wait((copying,), timeout=5)  # its last lines belong to the endpoint's log, and to the error
            return replica
        except TimeoutError:
            if not limit.expired():
                raise
            reason = f"it was not loaded within {tools.patience.load:g} s"
            await tools.replicas.runs.cancel(run, reason)
            return Replica(run, Stage.ENDED, reason=reason, users_fault=True)
        finally:
            copying.cancel()
            await self._withdraw()

    def _load_until(self, replica: Replica, known: float | None) -> float | None:
        """Return when, by the loop's clock, a replica must answer; None for one that does, or has not begun."""
        if self._backend is not None or replica.stage is not Stage.RUNNING:
            return None
        return known or asyncio.get_running_loop().time() + self._tools.patience.load

    async def _order(self, served: Served) -> None:
        run = await self._tools.replicas.start(self._deployment, served)
        await run_blocking(self._tools.deployments.set_replica, self._deployment.uid, run)
        await self._note(f"Replica {run} was ordered.")

    async def _take(self, replica: Replica, served: Served) -> None:
        """Follow a change of the replica."""
        if replica.stage is Stage.RUNNING and replica.address:
            if self._backend is None:
                self._backend = await self._tools.replicas.meet(replica.address, self._deployment, served)
            await self._ready(self._backend)
        elif replica.stage is Stage.LOST and self._backend is not None:
            await self._set_state(State.UNHEALTHY, replica.reason)

    async def _ready(self, backend: Answering) -> None:
        """Let it answer, then say so; what it replaces is taken down after that."""
        tools, mine = self._tools, self._deployment
        version = mine.model_version.rpartition("/")[2]
        self._backend = backend
        drift = await self._compared(backend)
        tools.routes.serve(mine.endpoint, mine.endpoint_uid, mine.generation, version, backend, drift)
        retired = await run_blocking(tools.deployments.ready, mine.uid, backend.kind.value, backend.methods)
        self._has_answered = True
        if retired:
            tools.retired(retired)

    async def _compared(self, backend: Answering) -> Drift | None:
        """Return what compares inputs with the model's sample; None without one."""
        if self._drift is None and self._sample:
            self._drift = await run_blocking(_drift, self._sample, cast("Backend", backend).signature)
        return self._drift

    async def _withdraw(self) -> None:
        """Stop answering by the present replica."""
        backend, self._backend = self._backend, None
        if backend is not None:
            mine = self._deployment
            self._tools.routes.serve(mine.endpoint, mine.endpoint_uid, mine.generation, "", None)
            await backend.close()

    async def _is_hopeless(self, ended: Replica) -> bool:
        """Give up on a deployment that has never answered, where another attempt would end the same way."""
        if self._has_answered:
            return False
        if not ended.users_fault and self._failures + 1 < self._tools.patience.attempts_before_ready:
            return False
        await self._set_state(State.FAILED, _explain(ended))
        return True

    async def _unschedulable(self, replica: Replica) -> None:
        await self._set_state(State.UNSCHEDULABLE, replica.reason)

    async def _pause(self, why: str, *, unhealthy: bool = False) -> None:
        """Say why it does not answer, and wait longer after each failure."""
        patience = self._tools.patience
        pause = min(patience.first_pause * 2**self._failures, patience.longest_pause)
        self._failures = min(self._failures + 1, 30)
        if unhealthy:
            await self._set_state(State.UNHEALTHY, why)
        await self._note(f"{why} Trying again in {pause:g} s.")
        await asyncio.sleep(pause)

    async def _next_attempt(self) -> None:
        await self._reload(await run_blocking(self._tools.deployments.begin_attempt, self._deployment.uid))

    async def _reload(self, fresh: Deployment | None = None) -> None:
        fresh = fresh or await run_blocking(self._tools.deployments.get, self._deployment.uid)
        if fresh is None:  # deleted meanwhile: the order to stop is on its way
            raise asyncio.CancelledError
        self._deployment = fresh

    async def _copy_log(self, run: str) -> None:
        deployments, uid = self._tools.deployments, self._deployment.uid
        wanted = self._deployment.log_offset
        while True:
            try:
                async with aclosing(self._tools.replicas.runs.log(run, wanted)) as pieces:
                    async for offset, data in pieces:
                        wanted = await run_blocking(deployments.copy_log, uid, offset, data)
                return
            except DatabaseUnavailable:
                await asyncio.sleep(self._tools.patience.first_pause)

    async def _set_state(self, state: State, error: str) -> None:
        await run_blocking(self._tools.deployments.set_state, self._deployment.uid, state, error)

    async def _note(self, sentence: str) -> None:
        await run_blocking(self._tools.deployments.note, self._deployment.uid, sentence)

    def _note_later(self, sentence: str) -> None:
        self._noting = asyncio.ensure_future(self._note(sentence))


def _drift(sample: str, signature: Signature) -> Drift | None:
    # Numpy is not imported before there is something to compare.
    from orris_inference.drift import Drift
    from orris_inference.reference import Reference

    reference = Reference.of(sample, signature)
    return None if reference is None else Drift(reference)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await what must not be left half done by whoever is canceled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,), timeout=ORDER_SECONDS)
        raise


def _explain(ended: Replica) -> str:
    return f"The replica ended: {ended.reason}" + (f"\n{ended.details}" if ended.details else "")
