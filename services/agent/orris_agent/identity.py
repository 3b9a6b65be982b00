"""What an agent tells the server of itself and its machine."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence

from orris.names import AgentName
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.config import Settings, platform_name
from orris_agent.graphics import graphics_processors
from orris_agent.runtimes.docker.engine import Engine
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

log = get_logger(__name__)

_RETRY_SECONDS = 1.0


def identity(settings: Settings, isolations: Sequence[runs.Isolation.ValueType]) -> agents.Agent:
    """Return the agent's record."""
    return agents.Agent(
        name=str(AgentName(settings.name)),
        pool=settings.pool,
        slots=settings.slots,
        replica_slots=settings.replica_slots,
        platform=platform_name(),
        hostname=socket.gethostname(),
        isolations=isolations,
        resources=runs.Resources(cpus=os.cpu_count() or 1, memory_bytes=_memory(), gpus=graphics_processors()),
    )


async def offered(settings: Settings, engine: Engine) -> tuple[runs.Isolation.ValueType, ...]:
    """Return what runs may ask for, what they get by default first. Waits for an engine that the settings want."""
    if settings.isolation == "container":
        await _wait_for(engine)
        return (runs.ISOLATION_CONTAINER,)
    if settings.engine == "on":
        await _wait_for(engine)
    processes = (runs.ISOLATION_WARM, runs.ISOLATION_PROCESS) if settings.forks else (runs.ISOLATION_PROCESS,)
    if settings.engine == "off" or not await run_blocking(engine.answers):
        log.info("runs get no containers here", engine=engine.address, setting=settings.engine)
        return processes
    return *processes, runs.ISOLATION_CONTAINER


async def _wait_for(engine: Engine) -> None:
    told = False
    while not await run_blocking(engine.answers):
        if not told:
            log.warning("waits for the container engine, which does not answer", engine=engine.address)
        told = True
        await asyncio.sleep(_RETRY_SECONDS)


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
