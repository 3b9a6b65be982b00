"""The launchers of this machine: one for each environment, principal and set of imports, as far as there is room."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orris.runs.v1 import agents_service_pb2 as agents
from orris_agent.exits import Exit
from orris_agent.folder import RunFolder
from orris_agent.runtimes.process.warm.process import Launcher
from orris_agent.runtimes.warm.imports import Source, source_of
from orris_agent.runtimes.warm.learned import Lessons
from orris_agent.runtimes.warm.protocol import LauncherError
from orris_agent.runtimes.warm.room import Room
from orris_agent.runtimes.warm.safety import script_of, why_no_fork, why_not_from
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

log = get_logger(__name__)

_PATIENCE_SECONDS = 15.0  # a run waits so long for a launcher that is being made
_QUIET_SECONDS = 2.0  # without a run, before a launcher is replaced by one that has learned
_PAUSE_SECONDS = 60.0  # after a launcher could not be made
_MOST_SCRIPTS = 64  # that are remembered


@dataclass(frozen=True)
class Kind:
    """What runs have in common that are forks of one launcher."""

    python: Path
    image: str
    principal: tuple[str, str]
    base: tuple[tuple[str, str], ...]
    imports: frozenset[str]

    @property
    def lesson(self) -> str:
        """The name under which is kept what such runs import."""
        content = json.dumps([self.image, sorted(self.imports)])
        return hashlib.sha256(content.encode()).hexdigest()[:32]


@dataclass(eq=False)
class _Place:
    """A launcher, or one that is being made. `go`: ends it."""

    making: asyncio.Future[Launcher]
    go: Callable[[], None]
    used: float = field(default_factory=time.monotonic)

    @property
    def launcher(self) -> Launcher | None:
        if not self.making.done() or self.making.cancelled() or self.making.exception():
            return None
        return self.making.result()

    @property
    def memory(self) -> int:
        return 0 if self.launcher is None else self.launcher.memory

    def close(self) -> None:
        if self.launcher is not None:
            self.launcher.close()
        else:
            self.making.cancel()


@dataclass(frozen=True)
class _Started:
    """A run that is a fork. `told`: done when its supervisor says that it is over."""

    kind: Kind
    told: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Launchers:
    """Starts runs as forks. `folder`: where logs of launchers are, and what was learned."""

    def __init__(self, folder: Path, room: Room) -> None:
        self._folder = folder
        self._room = room
        self._lessons = Lessons(folder / "imports")
        self._places: dict[Kind, _Place] = {}
        self._failed: dict[Kind, float] = {}
        self._sources: dict[tuple[str, str], Source] = {}
        self._started: dict[Path, _Started] = {}
        self._number = 0

    async def start(
        self,
        lease: agents.Lease,
        folder: RunFolder,
        python: Path,
        base: Mapping[str, str],
        variables: Mapping[str, str],
    ) -> str:
        """Start a run, whose command is in its folder, as a fork; return why that cannot be, empty where it was done.

        `base`: the variables of such runs without their own.
        """
        if why := why_no_fork(lease):
            return why
        script = folder.work / script_of(lease.run)
        source = await self._source_of(lease, script)
        principal = (lease.run.name.split("/")[1], lease.run.submitted_by)
        kind = Kind(python, lease.image.name, principal, tuple(sorted(base.items())), source.imports)
        try:
            launcher = await self._launcher(kind)
            if why := why_not_from(launcher.imports, source, script.parent, base, variables):
                return why
            started = self._started[folder.root] = _Started(kind)
            await launcher.fork(folder.root.absolute(), started.told, learn=self._lessons.of(kind.lesson).is_wanted)
        except LauncherError as error:
            self._started.pop(folder.root, None)
            self._drop(kind)
            log.warning("a launcher is of no use", image=lease.image.name, why=str(error))
            return f"no interpreter with its imports could be had: {error}"
        return ""

    async def _source_of(self, lease: agents.Lease, script: Path) -> Source:
        """Return what a script says; of a snapshot's that nothing is put beside that is known from another run."""
        of = lease.run.snapshot, script_of(lease.run)
        if not lease.run.snapshot or lease.run.inputs:
            return await run_blocking(source_of, script)
        if (known := self._sources.get(of)) is None:
            known = self._sources[of] = await run_blocking(source_of, script)
            for oldest in list(self._sources)[:-_MOST_SCRIPTS]:
                self._sources.pop(oldest, None)
        return known

    def told_of_end(self, folder: RunFolder) -> asyncio.Future[None] | None:
        """Return what is done when the supervisor of a run that is a fork says it is over; None of another run."""
        started = self._started.get(folder.root)
        return None if started is None else started.told

    def ended(self, folder: RunFolder, exit_: Exit | None) -> None:
        """Learn from a run that has ended."""
        started = self._started.pop(folder.root, None)
        if started is None or exit_ is None:
            return
        kind = started.kind
        if not self._lessons.learn(kind.lesson, exit_, folder.written):
            return
        if self._lessons.of(kind.lesson).forbidden:
            self._drop(kind)
        elif kind in self._places:
            asyncio.get_running_loop().call_later(_QUIET_SECONDS, self._renew, kind)

    async def close(self) -> None:
        """End all launchers."""
        for kind in list(self._places):
            self._drop(kind)

    async def _launcher(self, kind: Kind) -> Launcher:
        """Return the launcher of a kind, made if need be. Raises LauncherError."""
        place = self._places.get(kind)
        if place is not None and place.making.done() and not (place.launcher and place.launcher.is_alive):
            self._drop(kind)
            place = None
        if place is None:
            if time.monotonic() < self._failed.get(kind, 0.0):
                raise LauncherError("one could not be made a moment ago")
            place = self._placed(kind, asyncio.create_task(self._make(kind)))
        place.used = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                launcher = await asyncio.shield(place.making)
        except TimeoutError:
            raise LauncherError("it is still importing") from None
        except LauncherError:
            self._failed[kind] = time.monotonic() + _PAUSE_SECONDS
            raise
        self._room.bound(place)
        return launcher

    def _placed(self, kind: Kind, making: asyncio.Future[Launcher]) -> _Place:
        place = self._places[kind] = _Place(making, lambda: self._drop(kind))
        self._room.enter(place)
        return place

    async def _make(self, kind: Kind) -> Launcher:
        await run_blocking(lambda: self._folder.mkdir(parents=True, exist_ok=True, mode=0o700))

        async def make(modules: list[str]) -> Launcher:
            self._number += 1
            output = self._folder / f"launcher-{self._number}.log"
            begin = time.monotonic()
            launcher = await Launcher.start(kind.python, dict(kind.base), modules, output)
            log.info("launcher ready", image=kind.image, seconds=time.monotonic() - begin, memory=launcher.memory)
            return launcher

        return await self._lessons.apply(kind.lesson, kind.imports, make)

    def _renew(self, kind: Kind) -> None:
        """Replace a launcher by one that has learned, when no run needs it just now."""
        place = self._places.get(kind)
        if place is None or place.launcher is None:
            return
        if time.monotonic() - place.used < _QUIET_SECONDS or any(each.kind == kind for each in self._started.values()):
            asyncio.get_running_loop().call_later(_QUIET_SECONDS, self._renew, kind)
            return
        asyncio.get_running_loop().create_task(self._replace(kind, place))

    async def _replace(self, kind: Kind, old: _Place) -> None:
        try:
            launcher = await self._make(kind)
        except LauncherError as error:
            log.warning("a launcher keeps what it has imported", image=kind.image, why=str(error))
            return
        if self._places.get(kind) is not old:
            launcher.close()
            return
        self._drop(kind)
        self._placed(kind, _done(launcher)).used = old.used

    def _drop(self, kind: Kind) -> None:
        if (place := self._places.pop(kind, None)) is not None:
            self._room.leave(place)
            place.close()


def _done(launcher: Launcher) -> asyncio.Future[Launcher]:
    made: asyncio.Future[Launcher] = asyncio.get_running_loop().create_future()
    made.set_result(launcher)
    return made
