"""What runs have really imported, kept for the next launchers, also of the next agent process.

Of runs that import the same by their source, only what all of them have imported is imported before the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

_MOST_MODULES = 20_000
_MOST_BYTES = 4 * 1024 * 1024
_LEARNED_FROM = 5  # runs; of later ones, one in so many:
_LATER = 50


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


def modules_in(path: Path) -> list[str]:
    """Return the names that a run has written; it may have written anything."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    names = content.split("\n")[:_MOST_MODULES]
    return [name for name in names if all(part.isidentifier() for part in name.split("."))]
