"""Notice when containers end: one thread follows the engine's events for all of them.

An event only wakes whoever waits for the container; what has become of it, the engine is asked then. So an event that
comes twice, or is missed while the engine is away, changes nothing: whoever waits asks now and then as well.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from orris_agent.runtimes.docker.container import AGENT_LABEL
from orris_agent.runtimes.docker.engine import Engine
from orris_agent.runtimes.port import NotNowError
from orris_kit.logging import get_logger

if TYPE_CHECKING:
    from docker import APIClient

log = get_logger(__name__)

_LOOK_SECONDS = 10.0  # between looks without an event
_RETRY_SECONDS = 1.0
_OVERLAP_SECONDS = 5  # of events asked for again: an engine answers a moment before it listens


class Following:
    """Who waits for containers of an agent."""

    def __init__(self, engine: Engine, agent: str) -> None:
        self._engine, self._agent = engine, agent
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._thread: threading.Thread | None = None

    @asynccontextmanager
    async def of(self, container: str) -> AsyncIterator[Alarm]:
        """Give what wakes when something has happened to the container, by its name, or may have."""
        event = asyncio.Event()
        self._waiting[container].add(event)
        self._start()
        try:
            yield Alarm(event)
        finally:
            self._waiting[container].discard(event)
            if not self._waiting[container]:
                del self._waiting[container]

    def _start(self) -> None:
        if self._thread is None:
            loop = asyncio.get_running_loop()
            # Nobody joins it: it is in a call that returns when the engine says something.
            self._thread = threading.Thread(target=self._follow, args=(loop,), name="engine-events", daemon=True)
            self._thread.start()

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        told = False
        while not loop.is_closed():
            try:
                self._engine.blocking(lambda api: self._pass_on(api, loop), patient=True)
                told = False
            except NotNowError as problem:
                if not told:
                    log.warning(problem.message)
                told = True
            except Exception:
                log.exception("the engine's events cannot be followed")
            time.sleep(_RETRY_SECONDS)

    def _pass_on(self, api: APIClient, loop: asyncio.AbstractEventLoop) -> None:
        events = _events(api, self._agent)
        self._wake(loop, None)  # what happened before is not among them
        for event in events:
            self._wake(loop, event["Actor"]["Attributes"]["name"])

    def _wake(self, loop: asyncio.AbstractEventLoop, name: str | None) -> None:
        try:
            loop.call_soon_threadsafe(self._ring, name)
        except RuntimeError:
            return  # the loop is closed: the process ends

    def _ring(self, name: str | None) -> None:
        for container in [name] if name is not None else list(self._waiting):
            for event in self._waiting.get(container, ()):
                event.set()


class Alarm:
    """Wakes who waits for a container."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def wait(self) -> None:
        """Return when it is time to look at the container."""
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


def _events(api: APIClient, agent: str) -> Iterator[dict[str, Any]]:
    """Return what happens to an agent's containers: that one has ended, or is gone."""
    filters = {"type": "container", "event": ["die", "destroy"], "label": f"{AGENT_LABEL}={agent}"}
    events: Iterator[dict[str, Any]] = api.events(
        since=int(time.time()) - _OVERLAP_SECONDS, filters=filters, decode=True
    )
    return events
