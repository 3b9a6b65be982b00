"""The waiting containers of this machine: as many of a kind as runs of that kind are executed at a time, in bounds."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from orris_agent.exits import Exit
from orris_agent.folder import RunFolder
from orris_agent.removal import remove_tree
from orris_agent.runtimes.docker.container import Container
from orris_agent.runtimes.docker.engine import Engine
from orris_agent.runtimes.docker.starting import hand_over
from orris_agent.runtimes.docker.warm.kind import Kind
from orris_agent.runtimes.docker.warm.waiting import Waiting
from orris_agent.runtimes.warm.imports import source_of
from orris_agent.runtimes.warm.learned import Lessons
from orris_agent.runtimes.warm.protocol import LauncherError
from orris_agent.runtimes.warm.room import Room
from orris_agent.runtimes.warm.safety import script_of, why_no_waiting_container, why_not_from
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

log = get_logger(__name__)

_PATIENCE_SECONDS = 5.0  # a run waits so long for a container that is being made
_PAUSE_SECONDS = 60.0  # after one could not be made
_SHARE = 8  # what was imported is there twice in the end: it must be a small part of a limit
_CLOSING_SECONDS = 10.0


@dataclass(eq=False)
class _Place:
    """A container, or one that is being made. `go`: ends it."""

    making: asyncio.Task[Waiting]
    go: Callable[[], None] = lambda: None
    used: float = field(default_factory=time.monotonic)

    @property
    def waiting(self) -> Waiting | None:
        if not self.making.done() or self.making.cancelled() or self.making.exception():
            return None
        return self.making.result()

    @property
    def memory(self) -> int:
        return 0 if self.waiting is None else self.waiting.imports.memory

    @property
    def is_of_use(self) -> bool:
        return not self.making.done() or (self.waiting is not None and self.waiting.is_alive)


@dataclass(frozen=True)
class _Executed:
    """A run that goes on, and whether it was begun in a container that waited."""

    kind: Kind
    warm: bool


class WarmContainers:
    """Starts runs in containers that wait for them, each in one of its own, and has others made in time.

    `folder`: where those of waiting ones are; `remove`: removes a container by its name, however long that takes.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        agent: str,
        room: Room,
        lessons: Lessons,
        remove: Callable[[str], Awaitable[None]],
    ) -> None:
        self._engine, self._folder, self._agent = engine, folder, agent
        self._room, self._lessons, self._remove = room, lessons, remove
        self._places: dict[Kind, list[_Place]] = {}
        self._executed: dict[str, _Executed] = {}
        self._failed: dict[Kind, float] = {}
        self._removing: set[asyncio.Task[None]] = set()
        self._names: set[str] = set()

    @property
    def names(self) -> frozenset[str]:
        """The names of the containers that are made, wait, or are about to be removed."""
        return frozenset(self._names)

    async def start(
        self, container: Container, image: str, base: Mapping[str, str], variables: Mapping[str, str]
    ) -> bool:
        """Start a run, whose command is in its folder, in a container that waits for it; return whether that was done.

        `image`: as the engine knows it; `base`: the variables of such runs without their own. Raises NotNowError.
        """
        lease, folder = container.lease, container.folder
        if why_no_waiting_container(lease):
            return False
        script = folder.work / script_of(lease.run)
        source = await run_blocking(source_of, script)
        kind = Kind.of(container, image, base, source.imports)
        waiting = await self._taken(
            kind, lambda each: not why_not_from(each.imports, source, script.parent, base, variables)
        )
        warm = waiting is not None and await self._begun(waiting, container, kind)
        self._executed[lease.id] = _Executed(kind, warm)
        if kind in self._places:  # else nobody knows whether there will be another one, and this one needs its time
            self._fill(kind)
        return warm

    def ended(self, lease_id: str, folder: RunFolder, exit_: Exit | None) -> None:
        """Learn from a run that has ended, and have a container wait for the next such run."""
        executed = self._executed.pop(lease_id, None)
        if executed is None:
            return
        kind = executed.kind
        if executed.warm and exit_ is not None and self._lessons.learn(kind.lesson, exit_, folder.written):
            for place in list(self._places.get(kind, ())):
                place.go()
        self._fill(kind)

    def forget(self, lease_id: str) -> None:
        """Forget a run that is given up."""
        self._executed.pop(lease_id, None)

    async def close(self) -> None:
        """End all that wait. What cannot be removed now, the next agent process removes."""
        making = [place.making for places in self._places.values() for place in places if not place.making.done()]
        for places in list(self._places.values()):
            for place in list(places):
                place.go()
        await asyncio.gather(*making, return_exceptions=True)
        if self._removing:
            await asyncio.wait(self._removing, timeout=_CLOSING_SECONDS)

    async def _taken(self, kind: Kind, fits: Callable[[Waiting], bool]) -> Waiting | None:
        """Return one for a run, which is nobody else's then; None where none fits, or is ready soon."""
        for place in [each for each in self._places.get(kind, ()) if not each.is_of_use]:
            place.go()
        places = self._places.get(kind)
        if not places:
            return None
        place = min(places, key=lambda place: not place.making.done())
        places.remove(place)
        self._room.leave(place)
        taken = False
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                waiting = await asyncio.shield(place.making)
            taken = fits(waiting)
            return waiting if taken else None
        except Exception:
            return None  # it is not ready yet, or could not be made: that was told already
        finally:
            if not taken and place.is_of_use:
                self._put(kind, place)

    async def _begun(self, waiting: Waiting, container: Container, kind: Kind) -> bool:
        """Have a run begin in a container; return whether it did. If not, nothing of it has been executed."""
        from docker.errors import APIError

        name = waiting.container.name
        try:
            await run_blocking(hand_over, container.folder)
            waiting.take_in(container.folder)
            await self._engine.call(lambda api: api.rename(name, container.name))
            await waiting.begin(learn=self._lessons.of(kind.lesson).is_wanted)
        except (LauncherError, APIError, OSError) as error:
            log.warning("a waiting container is of no use", run=container.folder.run_id, why=str(error))
            waiting.close()
            await self._remove(container.name)
            await self._removed(name)
            return container.folder.is_taken_over
        except BaseException:
            waiting.close()
            self._remove_later(name)
            raise
        self._names.discard(name)
        await run_blocking(remove_tree, waiting.container.folder.root)
        return True

    def _fill(self, kind: Kind) -> None:
        """Have as many containers wait as such runs are executed at a time, and at least one."""
        if time.monotonic() < self._failed.get(kind, 0.0) or self._lessons.of(kind.lesson).forbidden:
            return
        executed = sum(each.kind == kind for each in self._executed.values())
        for _ in range(len(self._places.get(kind, ())), min(max(executed, 1), self._room.limits.number)):
            place = _Place(asyncio.create_task(self._made(kind)))
            place.go = partial(self._drop, kind, place)
            place.making.add_done_callback(partial(self._told, kind, place))
            self._put(kind, place)

    def _put(self, kind: Kind, place: _Place) -> None:
        place.used = time.monotonic()
        self._places.setdefault(kind, []).append(place)
        self._room.enter(place)

    async def _made(self, kind: Kind) -> Waiting:
        made = await self._lessons.apply(kind.lesson, kind.imports, partial(self._make, kind))
        if 0 < kind.memory_limit < _SHARE * made.imports.memory:
            made.close()
            self._remove_later(made.container.name)
            self._failed[kind] = float("inf")
            raise LauncherError("what such runs import is a large part of the memory that they are given")
        return made

    async def _make(self, kind: Kind, modules: list[str]) -> Waiting:
        name, begin = f"orris-waiting-{secrets.token_hex(6)}", time.monotonic()
        container = kind.container(RunFolder(self._folder / name, contained=True), self._agent, name)
        self._names.add(name)
        try:
            made = await Waiting.start(self._engine, container, dict(kind.base), modules)
        except BaseException:
            self._remove_later(name)
            raise
        log.info("container waits", container=name, seconds=time.monotonic() - begin, memory=made.imports.memory)
        return made

    def _told(self, kind: Kind, place: _Place, making: asyncio.Task[Waiting]) -> None:
        """Make room for one that is ready; leave it for a while where none could be made."""
        if making.cancelled():
            return
        if (error := making.exception()) is None:
            if place in self._places.get(kind, ()):
                self._room.bound(place)
            return
        log.warning("no container can wait for runs", image=kind.image, why=str(error))
        self._failed.setdefault(kind, time.monotonic() + _PAUSE_SECONDS)
        place.go()

    def _drop(self, kind: Kind, place: _Place) -> None:
        self._room.leave(place)
        places = self._places.get(kind, [])
        if place in places:
            places.remove(place)
            if not places:
                del self._places[kind]
        if place.waiting is not None:
            place.waiting.close()
            self._remove_later(place.waiting.container.name)
        else:
            place.making.cancel()

    def _remove_later(self, name: str) -> None:
        task = asyncio.create_task(self._removed(name))
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)

    async def _removed(self, name: str) -> None:
        await self._remove(name)
        await run_blocking(remove_tree, self._folder / name)
        self._names.discard(name)
