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
from orris_agent.runtimes.docker.engine import NO_SOCKET, Engine
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

log = get_logger(__name__)

_RETRY_SECONDS = 1.0
# What runs may need that agents of older versions leave out.
ABILITIES = ("data", "joblib", "choosing-outputs", "as-folder", "ahead")


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
        resources=_resources(settings),
        abilities=ABILITIES,
    )


def _resources(settings: Settings) -> runs.Resources:
    """Return what is offered of the machine: as much as the settings say, of what there is."""
    cpus, memory = os.cpu_count() or 1, _memory()
    return runs.Resources(
        cpus=min(settings.cpus or cpus, cpus),
        memory_bytes=min(settings.memory or memory, memory),
        gpus=graphics_processors(),
    )


async def offered(settings: Settings, engine: Engine) -> tuple[runs.Isolation.ValueType, ...]:
    """Return what runs may ask for, what they get by default first. Waits for an engine that the settings want."""
    if settings.isolation == "container":
        await _wait_for(engine)
        return (runs.ISOLATION_CONTAINER,)
    if settings.engine == "on":
        await _wait_for(engine)
    processes = (runs.ISOLATION_WARM, runs.ISOLATION_PROCESS) if settings.forks else (runs.ISOLATION_PROCESS,)
    reason = "ORRIS_AGENT_ENGINE=off" if settings.engine == "off" else await run_blocking(engine.silence)
    if not reason:
        return *processes, runs.ISOLATION_CONTAINER
    # An engine that is there and does not let the agent in is not what anybody wants.
    tell = log.info if settings.engine == "off" or reason == NO_SOCKET else log.warning
    tell("runs get no containers here", engine=engine.address, reason=reason)
    return processes


async def _wait_for(engine: Engine) -> None:
    told = ""
    while reason := await run_blocking(engine.silence):
        if reason != told:
            log.warning("waits for the container engine", engine=engine.address, reason=reason)
        told = reason
        await asyncio.sleep(_RETRY_SECONDS)


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
