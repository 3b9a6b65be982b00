"""What runs have really imported, kept for the next launchers, also of the next agent process.

Of runs that import the same by their source, only what all of them have imported is imported before the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from orris_agent.beneath import Beneath
from orris_agent.exits import Exit
from orris_agent.runtimes.warm.imports import in_order
from orris_agent.runtimes.warm.protocol import LauncherError, UnfitError
from orris_kit.logging import get_logger

log = get_logger(__name__)

_T = TypeVar("_T")

MODULES = "modules.txt"  # where a run says what it has imported

_MOST_MODULES = 20_000
_MOST_BYTES = 4 * 1024 * 1024
_LEARNED_FROM = 5  # runs; of later ones, one in so many:
_LATER = 50
_MOST_UNFIT = 30  # modules of one kind of runs
_CRASHES = frozenset({4, 6, 7, 8, 11})  # SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV
_ALL = "*"  # in place of a module: nothing may be imported before such runs


@dataclass
class Lesson:
    """Of one kind of runs: `modules` in the order of import, None before the first run; `unfit` with the reason."""

    modules: list[str] | None = None
    unfit: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    @property
    def is_wanted(self) -> bool:
        """Whether the next run is to say what it imports."""
        return self.runs < _LEARNED_FROM or self.runs % _LATER == 0

    @property
    def forbidden(self) -> str:
        """Why nothing may be imported before such runs; empty where something may."""
        return self.unfit.get(_ALL, "")

    def take(self, modules: list[str]) -> bool:
        """Learn from a run; return whether that changes what is imported."""
        before = self.modules
        there = set(modules)
        self.modules = list(modules) if before is None else [name for name in before if name in there]
        return self.modules != before

    def is_fit(self, name: str) -> bool:
        """Tell whether a module may be imported before a run."""
        plain = name.rstrip("?")
        return not any(plain == unfit or plain.startswith(f"{unfit}.") for unfit in self.unfit)


class Lessons:
    """All lessons, a file each in `folder`, by a key that is a file name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Lesson] = {}

    def of(self, key: str) -> Lesson:
        """Return what is known of a kind of runs."""
        if key not in self._known:
            self._known[key] = self._load(key)
        return self._known[key]

    async def apply(self, key: str, imports: frozenset[str], make: Callable[[list[str]], Awaitable[_T]]) -> _T:
        """Return what `make` makes of modules to import: those learned, else those of the source. Raises LauncherError.

        Again without a module that turns out to be unfit.
        """
        lesson = self.of(key)
        if lesson.forbidden:
            raise LauncherError(lesson.forbidden)
        for _ in range(_MOST_UNFIT):
            names = in_order(imports) if lesson.modules is None else lesson.modules
            try:
                return await make([*filter(lesson.is_fit, names)])
            except UnfitError as unfit:
                log.info("not imported before runs", module=unfit.module, why=unfit.why)
                lesson.unfit[unfit.module] = unfit.why
                self.save(key)
        raise LauncherError("too many of its imports must not be done before a run")

    def learn(self, key: str, ended: Exit, written: Beneath) -> bool:
        """Learn from a run that was warm; return whether what was made for such runs should be made anew."""
        lesson = self.of(key)
        if ended.signal in _CRASHES:
            log.warning("a warm run crashed; runs like it start afresh from now on", signal=ended.signal)
            lesson.unfit[_ALL] = f"a run ended by signal {ended.signal}"
            self.save(key)
            return True
        if ended.exit_code != 0:
            return False
        lesson.runs += 1
        modules = modules_in(written)
        changed = bool(modules) and lesson.take(modules)
        if modules:
            self.save(key)
        return changed

    def save(self, key: str) -> None:
        """Keep a lesson for later processes; what cannot be kept is learned again."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = self._folder / f".{key}"
            temporary.write_text(json.dumps(asdict(self.of(key))), encoding="utf-8")
            temporary.replace(self._folder / f"{key}.json")

    def _load(self, key: str) -> Lesson:
        try:
            path = self._folder / f"{key}.json"
            content = json.loads(path.read_text(encoding="utf-8"))
            lesson = Lesson(**content)
            os.utime(path)
            return lesson
        except (OSError, ValueError, TypeError):
            return Lesson()


def modules_in(written: Beneath) -> list[str]:
    """Return the names that a run has written; it may have written anything."""
    try:
        content = written.read(MODULES, 0, _MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    names = content.split("\n")[:_MOST_MODULES]
    return [name for name in names if all(part.isidentifier() for part in name.split("."))]
