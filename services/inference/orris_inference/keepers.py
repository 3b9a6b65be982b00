"""All deployments: one keeper for each that is wanted, and the end of those that are not."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Coroutine, Iterable
from typing import Any

from orris.errors import NotFound, OrrisError
from orris_inference.core import Endpoints
from orris_inference.graphs import Graphs
from orris_inference.keeper import Keeper, Patience, Tools
from orris_inference.model import Deployment, Endpoint, Phase
from orris_inference.outside.runs import Runs
from orris_inference.replicas import Replicas
from orris_inference.routes import Routes
from orris_inference.served_script import Scripts
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

RETRY_SECONDS = 2.0
RELEASE_SECONDS = 10.0

log = get_logger(__name__)


class Keepers:
    """Keeps what is recorded and what answers the same."""

    def __init__(
        self,
        endpoints: Endpoints,
        scripts: Scripts,
        graphs: Graphs,
        replicas: Replicas,
        routes: Routes,
        patience: Patience | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._models = scripts.models
        self._scripts = scripts
        self._runs: Runs = replicas.runs
        self._routes = routes
        deployments = endpoints.deployments
        self._tools = Tools(deployments, scripts, graphs, replicas, routes, self._retire_all, patience or Patience())
        self._keepers: dict[str, tuple[Keeper, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Who uses which model is told to `models` in the order in which it is recorded here.
        self.uses = asyncio.Lock()

    async def start(self) -> None:
        """Take up everything that is recorded."""
        await run_blocking(self._endpoints.deployments.restart)
        for endpoint in await run_blocking(self._endpoints.all):
            self._routes.set(endpoint)
        for deployment in await run_blocking(self._endpoints.deployments.all):
            if deployment.phase is Phase.RETIRED:
                self._spawn(self._retire(deployment.uid))
            elif deployment.phase is not Phase.FAILED:
                self._keep(deployment)

    async def stop(self) -> None:
        """Stop keeping. Replicas go on; who starts next adopts them."""
        tasks = [task for _, task in self._keepers.values()] + list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for keeper, _ in self._keepers.values():
            await keeper.close()

    def deployed(self, endpoint: Endpoint, deployment: Deployment | None, superfluous: list[str]) -> None:
        """Bring up a new deployment."""
        self._routes.set(endpoint)
        self._retire_all(superfluous)
        if deployment is not None and deployment.uid not in self._keepers:
            self._keep(deployment)

    async def deleted(self, endpoint: Endpoint, retired: list[str]) -> None:
        """Take down an endpoint. Its models are free when this returns, unless a neighbour or a call makes it wait."""
        self._routes.remove(endpoint.id, endpoint.uid)
        if tasks := self._retire_all(retired):
            await asyncio.wait(tasks, timeout=RELEASE_SECONDS)

    def changed(self, endpoint: Endpoint) -> None:
        """Take over an endpoint's keys."""
        self._routes.set(endpoint)

    async def release(self, endpoint_name: str, model_versions: Iterable[str], without: str = "") -> None:
        """Tell `models` that an endpoint does not use versions any more, unless another deployment of it does."""
        async with self.uses:
            uses = self._endpoints.deployments.uses
            for version in model_versions:
                if not await run_blocking(uses, endpoint_name, version, without):
                    with contextlib.suppress(NotFound):
                        await self._models.set_use(version, endpoint_name, in_use=False)

    def _keep(self, deployment: Deployment) -> None:
        keeper = Keeper(self._tools, deployment, has_answered=deployment.phase is Phase.SERVING)
        self._keepers[deployment.uid] = keeper, self._spawn(keeper.keep())

    def _retire_all(self, uids: list[str]) -> list[asyncio.Task[None]]:
        return [self._spawn(self._retire(uid)) for uid in uids]

    async def _retire(self, uid: str) -> None:
        """End what a deployment has: its keeper, calls in progress, its replica, its use of the model."""
        if uid in self._keepers:
            keeper, task = self._keepers.pop(uid)
            task.cancel()
            await asyncio.wait((task,))
            await keeper.close()
        while True:
            try:
                deployment = await run_blocking(self._endpoints.deployments.get, uid)
                if deployment is None:
                    return
                if deployment.replica:
                    await self._runs.cancel(deployment.replica, f"{deployment.endpoint_name} needs it no longer")
                await self._scripts.let_go(deployment)
                await self.release(deployment.endpoint_name, deployment.models, uid)
                await run_blocking(self._endpoints.deployments.forget, uid)
                return
            except OrrisError as error:
                log.warning("a deployment cannot be taken down yet", deployment=uid, why=error.message)
            except Exception:
                log.exception("a deployment cannot be taken down yet", deployment=uid)
            await asyncio.sleep(RETRY_SECONDS)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # With a context of its own: the deadline of the call that caused it is not for this.
        task = asyncio.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
