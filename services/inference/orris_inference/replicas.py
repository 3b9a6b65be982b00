"""Replicas: ordered, followed, met."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from orris.errors import Conflict, DeadlineExceeded, FailedPrecondition, InvalidArgument, OrrisError, Unavailable
from orris_inference.model import Deployment
from orris_inference.outside.runs import Order, Replica, Runs, Stage
from orris_inference.served import Served
from orris_kit.address import Address

if TYPE_CHECKING:
    from orris_inference.backends.port import Remote

EXPERIMENT = "endpoints"
SECRET = "ORRIS_REPLICA_SECRET"  # noqa: S105 - the variable's name
MEET_ATTEMPTS = 20
MEET_SECONDS = 0.25


class Replicas:
    """Brings up replicas in `pool` (empty: the default one)."""

    def __init__(self, runs: Runs, pool: str) -> None:
        self.runs = runs
        self._pool = pool

    async def start(self, deployment: Deployment, served: Served) -> str:
        """Order the replica of the deployment's present attempt; return its run. A retry returns the same run.

        Raises FailedPrecondition for what cannot be run; Conflict where the attempt was ordered otherwise.
        """
        program = await served.program()
        order = Order(
            workspace=deployment.workspace,
            experiment=program.experiment or f"workspaces/{deployment.workspace}/experiments/{EXPERIMENT}",
            program=program,
            secrets={SECRET: deployment.secret},
            label=f"{deployment.endpoint} (replica)",
            properties={"endpoint": deployment.endpoint_name, "model_version": deployment.model_version},
            request_id=f"{deployment.uid}-{deployment.attempt}",
            pool=self._pool,
            resources=deployment.resources,
            isolation=deployment.isolation,
        )
        try:
            return await self.runs.start(order)
        except InvalidArgument as error:
            if error.reason == "REQUEST_ID_REUSED":  # an older version of Orris had ordered it with other files
                raise Conflict("the attempt was ordered differently before") from error
            raise

    async def follow(
        self, run: str, patience: float, impatient: Callable[[Replica], Awaitable[None]]
    ) -> AsyncGenerator[Replica]:
        """Give the replica at each change until its end; tell `impatient` when it waits for a place too long.

        `patience` is in seconds."""
        async with aclosing(self.runs.watch(run)) as changes:
            following: asyncio.Future[Replica] = asyncio.ensure_future(anext(changes))
            replica: Replica | None = None
            try:
                while True:
                    waiting = replica is not None and replica.stage is Stage.WAITING and bool(replica.reason)
                    done, _ = await asyncio.wait((following,), timeout=patience if waiting else None)
                    if not done:
                        assert replica is not None
                        await impatient(replica)
                        await asyncio.wait((following,))
                    replica = following.result()
                    yield replica
                    if replica.stage is Stage.ENDED:
                        return
                    following = asyncio.ensure_future(anext(changes))
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await following

    async def meet(self, address: str, deployment: Deployment, served: Served) -> Remote:
        """Return what speaks to a replica that has announced its address.

        Raises FailedPrecondition when it serves nothing, or does not answer where it says.
        """
        where = Address.parse(address, field="run.address")
        if where.port is None:
            raise FailedPrecondition(f"the replica announced {address[:100]!r}, which is no host:port")
        backend = served.backend(str(where), deployment.secret)
        for attempt in range(MEET_ATTEMPTS):
            try:
                await backend.meet()
                return backend
            except (Unavailable, DeadlineExceeded):
                if attempt == MEET_ATTEMPTS - 1:
                    await backend.close()
                    raise
                await asyncio.sleep(MEET_SECONDS)
            except OrrisError:
                await backend.close()
                raise
        raise AssertionError("unreachable")
