"""What an agent that starts again has to know of the files in `logs/` that took each other's place: `logs.json`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from orris_agent.beneath import Beneath
from orris_agent.folder import LOG_PARTS
from orris_agent.log_source import Part

_LARGEST = 4 * 1024 * 1024
_LONGEST_LINE = 1000


class LogParts:
    """The parts of a run's logs by their names, kept in its folder. `begun`: they may be there."""

    def __init__(self, folder: Path, begun: bool) -> None:
        self._path = folder / LOG_PARTS
        self._known = _load(folder) if begun else {}
        self._is_kept = True

    def of(self, name: str) -> list[Part] | None:
        """Return what is known of a log."""
        return self._known.get(name)

    def note(self, name: str, parts: list[Part]) -> None:
        """Let a log have these parts."""
        self._known[name] = list(parts)
        self._is_kept = False

    def keep(self) -> None:
        """Keep what has changed, if anything has: before the server is told any of it."""
        if self._is_kept:
            return
        self._is_kept = True
        temporary = self._path.with_name(f"{self._path.name}.tmp")
        # On a full disk logs go on: only who starts again finds less.
        with suppress(OSError):
            temporary.write_text(json.dumps(self._known))
            temporary.replace(self._path)


def _load(folder: Path) -> dict[str, list[Part]]:
    try:
        known = json.loads(Beneath(folder).read(LOG_PARTS, 0, _LARGEST))
        return {str(name): [_part(*each) for each in parts] for name, parts in known.items() if parts}
    except (OSError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        # It is not there, or a process has changed it.
        return {}


def _part(start: Any, file: Any, line: Any) -> Part:
    device, inode = file or (0, 0)
    if (
        not isinstance(start, int)
        or not isinstance(line, str)
        or not line.isascii()
        or len(line) > min(start, _LONGEST_LINE)
    ):
        raise ValueError("no part of a log")
    return Part(start, (int(device), int(inode)) if file else None, line)
