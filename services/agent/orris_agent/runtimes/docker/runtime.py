"""Runs in containers: the supervisor is the first process of each, and goes on without the agent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris.runs.v1 import agents_service_pb2 as agents
from orris_agent import command, control
from orris_agent.folder import INSIDE_CONTROL, INSIDE_RUN, RunFolder
from orris_agent.removal import remove_tree
from orris_agent.runtimes.docker.addresses import check_reachable, published_address
from orris_agent.runtimes.docker.container import (
    INSIDE_CODE,
    WAITING_LABEL,
    Container,
    name_of,
)
from orris_agent.runtimes.docker.ended import ending_of
from orris_agent.runtimes.docker.engine import Engine
from orris_agent.runtimes.docker.following import Following
from orris_agent.runtimes.docker.graphics import free_graphics
from orris_agent.runtimes.docker.images import EngineImages
from orris_agent.runtimes.docker.inside import copy_of_code
from orris_agent.runtimes.docker.leftovers import leftovers
from orris_agent.runtimes.docker.start_note import has_started, note_start
from orris_agent.runtimes.docker.starting import (
    create_container,
    explained,
    give_away,
    is_furnished,
    start_container,
)
from orris_agent.runtimes.docker.warm.containers import WarmContainers
from orris_agent.runtimes.port import Ending, NotNowError
from orris_agent.runtimes.warm.learned import Lessons
from orris_agent.runtimes.warm.room import Room
from orris_agent.spreading import check_not_spread
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

if TYPE_CHECKING:
    from docker import APIClient

log = get_logger(__name__)

INSIDE_CODE_OF_RUNS = INSIDE_CODE / "orris_agent" / "inside"

_RETRY_SECONDS = 1.0


class DockerRuntime:
    """Executes runs in containers of an engine. `folder`: the agent's, which the engine sees at the same path."""

    preparing = "its image is being pulled to the agent's machine"

    def __init__(
        self,
        engine: Engine,
        images: EngineImages,
        folder: Path,
        agent: str,
        network: str = "",
        room: Room | None = None,
    ) -> None:
        """`room`: for containers that wait for runs; None: each run's is started with it."""
        self._engine, self._images = engine, images
        self._runs, self._code, self._waiting = folder / "runs", folder / "code", folder / "waiting"
        self._agent, self._network = agent, network
        self._warm: WarmContainers | None = None
        if room is not None:
            lessons = Lessons(folder / "launchers" / "imports")
            self._warm = WarmContainers(engine, self._waiting, agent, room, lessons, self._remove)
        self._started: set[str] = set()  # names of containers
        self._following = Following(engine, agent)
        self._choosing = threading.Lock()  # who chooses graphics processors has them when the next one does
        self._sweeping: asyncio.Future[None] | None = None
        self._signaling: asyncio.Future[None] | None = None

    async def is_ready(self, lease: agents.Lease) -> bool:
        check_reachable(lease.run)
        check_not_spread(lease.run)
        return await self._images.is_present(lease.image)

    async def make_ready(self, lease: agents.Lease, log: Callable[[str], None]) -> None:
        await self._images.bring(lease.image, log)

    def has_started(self, folder: RunFolder) -> bool:
        return has_started(folder)

    async def start(self, lease: agents.Lease, folder: RunFolder) -> str:
        if self.has_started(folder):
            return ""
        code = await run_blocking(copy_of_code, self._code)
        container = Container(lease, folder, code, self._agent, self._network)
        self._started.add(container.name)
        if not await self._started_warm(container):
            await self._engine.call(lambda api: self._start(api, container))
        note_start(folder)
        return ""

    async def close(self) -> None:
        """End the containers that wait for runs."""
        if self._warm is not None:
            await self._warm.close()

    async def _started_warm(self, container: Container) -> bool:
        if self._warm is None or is_furnished(container.folder):
            return False
        image = await self._engine.call(lambda api: _image_of(api, container))
        base = command.variables_of_all(
            container.lease, container.python, container.surrounding(image), INSIDE_CODE_OF_RUNS
        )
        variables = self._variables(container, image)
        await run_blocking(self._write_command, container, variables)
        return await self._warm.start(container, image["Id"], base, variables)

    def _start(self, api: APIClient, container: Container) -> None:
        from docker.errors import APIError

        try:
            if not self._is_there(api, container):  # else the run may write there already
                image = _image_of(api, container)
                self._write_command(container, self._variables(container, image))
                give_away(container.folder)
                self._create(api, container)
            start_container(api, container)
        except APIError as error:
            raise explained(error, container) from error

    def _is_there(self, api: APIClient, container: Container) -> bool:
        """Tell whether the run has a container, which an earlier agent process may have made, or was about to.

        One that waited ends without its agent, unless it has been told to begin.
        """
        found = _inspected(api, container.name)
        if found is None:
            return False
        if WAITING_LABEL not in found["Config"]["Labels"] or container.folder.is_taken_over:
            return True
        if found["State"]["Running"]:
            raise NotNowError("waits for the end of a container that it was about to begin in")
        _removed(api, container.name)
        return False

    def _create(self, api: APIClient, container: Container) -> None:
        count = container.lease.run.resources.gpus
        if not count:
            create_container(api, container)
            return
        with self._choosing:
            create_container(api, replace(container, graphics=free_graphics(api, self._agent, count)))

    def _variables(self, container: Container, image: dict[str, Any]) -> dict[str, str]:
        surrounding, inside = container.surrounding(image), RunFolder(INSIDE_RUN)
        own = command.variables(container.lease, inside, container.python, surrounding, INSIDE_CODE_OF_RUNS)
        return own | container.replica_variables() | container.data.variables(INSIDE_CONTROL / control.DATA)

    def _write_command(self, container: Container, variables: dict[str, str]) -> None:
        run = container.lease.run
        control.write_data(container.folder.control, container.data.record(), readable=True)
        control.write_command(
            container.folder.control,
            command.argument_list(run, container.python, container.data),
            variables,
            RunFolder(INSIDE_RUN).work,
            command.time_limit(run),
            readable=True,
        )
        container.folder.note_beginning()

    async def published(self, lease: agents.Lease, folder: RunFolder) -> str | None:
        return await self._engine.call(lambda api: published_address(api, lease, self._network))

    async def wait(self, folder: RunFolder) -> Ending:
        """See the port. While the engine is away nobody knows whether the run goes on: it is waited for."""
        name = name_of(folder.load_lease_id())
        async with self._following.of(name) as alarm:
            while True:
                with suppress(NotNowError):
                    inspected = await self._engine.call(lambda api: _inspected(api, name))
                    if inspected is None or not inspected["State"]["Running"]:
                        return await self._ended(inspected, folder)
                await alarm.wait()

    async def _ended(self, inspected: dict[str, Any] | None, folder: RunFolder) -> Ending:
        ending = await run_blocking(ending_of, inspected, folder)
        if self._warm is not None:
            self._warm.ended(folder.load_lease_id(), folder, ending.exit)
        return ending

    def cancel(self, folder: RunFolder) -> None:
        """See the port. The supervisor finds out by itself in a second; the signal makes it look at once."""
        control.request_cancel(folder.control)
        if self.has_started(folder):
            self._signaling = asyncio.ensure_future(self._signal(name_of(folder.load_lease_id())))

    async def _signal(self, name: str) -> None:
        from docker.errors import APIError

        with suppress(NotNowError, APIError):
            await self._engine.call(lambda api: api.kill(name, "SIGTERM"))

    def extend(self, folder: RunFolder, deadline: float) -> None:
        control.set_deadline(folder.control, deadline, readable=True)

    async def end(self, folder: RunFolder) -> None:
        """Remove the run's container, however long the engine is away: its folder must not go before."""
        lease_id = folder.lease_id()
        if lease_id is not None:  # else the folder is gone already
            if self._warm is not None:
                self._warm.forget(lease_id)
            await self._remove(name_of(lease_id))
            self._started.discard(name_of(lease_id))

    async def end_others(self, held: Collection[str]) -> None:
        """Remove the containers of this agent, and of its folder, whose lease is gone."""
        if self._code.exists():  # else no container was ever started from this folder
            self._sweeping = asyncio.create_task(self._sweep(held))

    async def tidy(self) -> None:
        await self._images.sweep()

    async def _sweep(self, held: Collection[str]) -> None:
        folders = (self._runs, self._waiting)
        with suppress(NotNowError):
            for name in await self._engine.call(lambda api: leftovers(api, self._agent, folders, held)):
                if not self._is_needed(name):
                    log.warning("container removed, it has no lease", container=name)
                    await self._remove(name)
            for folder in await run_blocking(lambda: [*self._waiting.iterdir()] if self._waiting.exists() else []):
                if not self._is_needed(folder.name):
                    await run_blocking(remove_tree, folder)

    def _is_needed(self, name: str) -> bool:
        """Tell whether a container, or the folder of one that waits, was made by this process, and may be needed."""
        return name in self._started or (self._warm is not None and name in self._warm.names)

    async def _remove(self, name: str) -> None:
        from docker.errors import APIError

        while True:
            try:
                await self._engine.call(lambda api: _removed(api, name))
            except (NotNowError, APIError) as problem:
                log.warning("a container is not removed yet", container=name, reason=str(problem))
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return


def _inspected(api: APIClient, name: str) -> dict[str, Any] | None:
    from docker.errors import NotFound

    try:
        found: dict[str, Any] = api.inspect_container(name)
    except NotFound:
        return None
    return found


def _image_of(api: APIClient, container: Container) -> dict[str, Any]:
    from docker.errors import APIError

    try:
        found: dict[str, Any] = api.inspect_image(container.lease.image.reference)  # type: ignore[no-untyped-call]
    except APIError as error:
        raise explained(error, container) from error
    return found


def _removed(api: APIClient, name: str) -> None:
    from docker.errors import NotFound

    with suppress(NotFound):
        api.remove_container(name, force=True, v=True)
