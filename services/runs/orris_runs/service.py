"""Put the service together from its settings."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

from orris.runs.v1.agents_service_pb2_grpc import add_AgentServiceServicer_to_server
from orris.runs.v1.pools_service_pb2_grpc import add_PoolServiceServicer_to_server
from orris.runs.v1.runs_service_pb2_grpc import add_RunServiceServicer_to_server
from orris.runs.v1.sweeps_service_pb2_grpc import add_SweepServiceServicer_to_server
from orris.runs.v1.workspaces_service_pb2_grpc import add_WorkspaceServiceServicer_to_server
from orris_kit.auth import Role, TokenSigner
from orris_kit.blocking import run_blocking
from orris_kit.changes import Changes
from orris_kit.client import connect, token_from
from orris_kit.database import open_alone
from orris_kit.metrics import provide
from orris_runs import artifacts_client, images_client
from orris_runs.agent_servicer import AgentServicer
from orris_runs.config import Settings
from orris_runs.core import Core, make_core
from orris_runs.engines import ENGINES
from orris_runs.engines.port import Engine
from orris_runs.following import Archivist, BuildFollower, Remover, begin_retries, keep_at, look_after_leases
from orris_runs.interactive import SessionTimes
from orris_runs.logs import LogSizes
from orris_runs.numbers import numbers_of
from orris_runs.pool_servicer import PoolServicer
from orris_runs.pools.keeper import Keeper
from orris_runs.references import References
from orris_runs.releasing import Releaser
from orris_runs.schema import metadata
from orris_runs.servicer import RunServicer
from orris_runs.store import Store
from orris_runs.submitting import Submitting
from orris_runs.sweep_servicer import SweepServicer
from orris_runs.sweeps.following import SweepFollower
from orris_runs.tokens import Tokens
from orris_runs.using_images import use_images
from orris_runs.workspace_servicer import WorkspaceServicer

CHECKS_PER_LEASE = 20


async def open_service(settings: Settings, stack: AsyncExitStack) -> list[tuple[Callable[[Any, Any], None], Any]]:
    """Open the database and begin what goes on beside the calls, all to be ended by `stack`.

    Returns what `Server.add` takes. At the first start it makes the installation's key and first tokens.
    """
    tokens = await run_blocking(make_tokens, settings)
    core = await open_core(settings, stack)
    token = token_from(settings.token_path)
    images_channel = connect(settings.images_address, token, services=[images_client.CONTRACT])
    stack.push_async_callback(images_channel.close)
    artifacts_channel = connect(settings.artifacts_address, token, services=artifacts_client.CONTRACTS)
    stack.push_async_callback(artifacts_channel.close)
    images = images_client.ImagesClient(images_channel)
    artifacts = artifacts_client.ArtifactsClient(artifacts_channel)
    references = References(core, artifacts)
    _beside(stack, BuildFollower(core, images).run)
    _beside(stack, Archivist(core, artifacts, references).run)
    _beside(stack, Releaser(core, references).run)
    _beside(stack, Remover(core).run)
    _beside(stack, partial(use_images, core, images))
    _beside(stack, partial(begin_retries, core))
    _beside(stack, partial(look_after_leases, core, settings.lease_duration / CHECKS_PER_LEASE))
    _beside(stack, Keeper(core.store, core.keeping, partial(_open_engine, settings)).run)
    _beside(stack, SweepFollower(core, images).run)
    provide(stack, partial(numbers_of, core))
    submitting = Submitting(core, images, artifacts, references)
    return [
        (add_WorkspaceServiceServicer_to_server, WorkspaceServicer(core, tokens)),
        (add_RunServiceServicer_to_server, RunServicer(core, submitting, artifacts)),
        (add_SweepServiceServicer_to_server, SweepServicer(core, submitting)),
        (add_AgentServiceServicer_to_server, AgentServicer(core, submitting, images, tokens)),
        (add_PoolServiceServicer_to_server, PoolServicer(core)),
    ]


def _open_engine(settings: Settings, name: str) -> Engine:
    return ENGINES[name].open(settings.surroundings)


async def open_core(settings: Settings, stack: AsyncExitStack) -> Core:
    """Open the database, to be closed by `stack`; return the rules over it, started."""
    if not settings.database:
        # Secrets of active runs are in it.
        (settings.home / "runs").mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = await stack.enter_async_context(open_alone(settings.database_url, "orris_runs", metadata))
    core = make_core(
        Store(engine, Changes()),
        lease_duration=settings.lease_duration,
        lease_margin=settings.lease_margin,
        log_sizes=LogSizes(cap=settings.log_cap),
        session_times=SessionTimes(settings.session_patience, settings.session_duration),
        engines={name: kind.options for name, kind in ENGINES.items()},
    )
    await run_blocking(core.start)
    return core


def make_tokens(settings: Settings) -> Tokens:
    """Make what is not there yet: the key that tokens are signed with, and a token each for user, services, agents."""
    tokens = Tokens(TokenSigner(settings.signing_key_path))
    for role in (Role.USER, Role.SERVICE, Role.AGENT):
        tokens.write(settings.home / f"{role.value}.token", role.value, role)
    return tokens


def _beside(stack: AsyncExitStack, work: Callable[[], Awaitable[None]]) -> None:
    """Let work go on until the stack is closed."""
    task = asyncio.create_task(keep_at(work))

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
