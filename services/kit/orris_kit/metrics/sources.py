"""Who knows numbers of this process: each service that is open adds what it knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace

from orris_kit.logging import get_logger
from orris_kit.metrics.calls import CALLS
from orris_kit.metrics.families import Distribution, Family

# Called in a thread: it may ask a database.
Source = Callable[[], Iterable[Family | Distribution]]

log = get_logger(__name__)

_sources: list[Source] = []
_begin = time.monotonic()


def provide(stack: AsyncExitStack, source: Source) -> None:
    """Let what `source` gives be read until the stack is closed."""
    _sources.append(source)
    stack.callback(_sources.remove, source)


def gather() -> list[Family | Distribution]:
    """Return all numbers, those of equal names together. A source that fails is left out, and logged. Blocking."""
    found: dict[str, Family | Distribution] = {}
    for source in (CALLS.families, _uptime, *_sources):
        try:
            for family in source():
                known = found.get(family.name)
                found[family.name] = family if known is None else _joined(known, family)
        except Exception:
            log.exception("numbers of this service could not be gathered")
    return list(found.values())


def _uptime() -> Iterable[Family]:
    yield Family("orris_uptime_seconds", "Since this process was started.", (), {(): time.monotonic() - _begin})


def _joined(known: Family | Distribution, more: Family | Distribution) -> Family | Distribution:
    return replace(known, values={**known.values, **more.values})  # type: ignore[arg-type]  # of one kind by their name
