"""The stream of an agent's leases: what it holds, then what changes."""

from collections.abc import AsyncIterator, Sequence

from orris.errors import NotFound
from orris.runs.v1 import agents_service_pb2 as pb
from orris_kit.blocking import run_blocking
from orris_runs.builds import Images
from orris_runs.core import Core
from orris_runs.model import ErrorCode, Lease, RunError
from orris_runs.store import agent_changed
from orris_runs.tokens import Tokens
from orris_runs.translation import duration, fitting, run_message


class HandingOut:
    """Hands leases to agents."""

    def __init__(self, core: Core, images: Images, tokens: Tokens) -> None:
        self._core = core
        self._images = images
        self._tokens = tokens

    async def watch(self, agent: str) -> AsyncIterator[pb.WatchLeasesResponse]:
        """Give what an agent holds, then each change, until it begins another stream."""
        number = await run_blocking(self._core.agents.open_stream, agent)
        try:
            async for message in self._changes(agent, number):
                yield message
        finally:
            self._core.agents.close_stream(agent, number)

    async def _changes(self, agent: str, number: int) -> AsyncIterator[pb.WatchLeasesResponse]:
        sent: dict[str, bool] | None = None
        async with self._core.store.changes.watch(agent_changed(agent)) as waiter:
            await run_blocking(self._core.queue.dispatch, self._core.agents.pool_of(agent))
            while self._core.agents.is_newest(agent, number):
                held, new, clock = await run_blocking(self._look, agent, sent)
                messages = [message for lease in new if (message := await self._message(lease)) is not None]
                for response in _responses(messages, first=sent is None):
                    response.clock.CopyFrom(duration(clock))
                    yield response
                sent = held
                await waiter.wait()

    def _look(self, agent: str, sent: dict[str, bool] | None) -> tuple[dict[str, bool], list[Lease], float]:
        """Return what an agent holds, what of that it does not know yet, and since when it counts."""
        held, new = self._core.leases.new_of_agent(agent, sent or {})
        # An agent counts from this moment, however late it hears of it: so does this service.
        clock = self._core.store.clock.monotonic()
        if new:
            self._core.leases.renew(agent, [lease.id for lease in new])
        return held, new, clock

    async def _message(self, lease: Lease) -> pb.Lease | None:
        """Return a lease with all that an agent needs; None when its image is gone, and the run has failed of it."""
        try:
            image = await self._images.image(lease.run.image)
        except NotFound as error:
            message = f"the run's image is not there any more: {error.message}; submit the run again"
            await run_blocking(self._core.leases.refuse, lease.id, RunError(ErrorCode.ENVIRONMENT, message))
            return None
        run = run_message(lease.run)
        run.secret_environment_variables.update(lease.secrets)
        return pb.Lease(
            id=lease.id,
            run=run,
            image=image,
            environment_variables=lease.run.program.defaults,
            duration=duration(self._core.deadlines.duration),
            run_token=self._tokens.for_run(lease.run),
            cancel=lease.cancel,
            traceparent=lease.run.program.trace,
        )


def _responses(leases: Sequence[pb.Lease], *, first: bool) -> list[pb.WatchLeasesResponse]:
    """Return messages of a size that passes.

    Only one that holds all leases may say so: where they do not fit into one, the agent learns from its next renewal
    which of its leases are lost.
    """
    rest = list(leases)
    responses = []
    while rest:
        taken = fitting(rest)
        rest = rest[len(taken) :]
        responses.append(pb.WatchLeasesResponse(leases=taken))
    if first and len(responses) <= 1:
        return [pb.WatchLeasesResponse(leases=leases, all=True)]
    return responses
