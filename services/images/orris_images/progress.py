"""How far builds are, in the database: what comes while another note is being stored replaces it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor

import sqlalchemy as sa

from orris_images import build_rows
from orris_images.build_rows import Key
from orris_kit.database import DatabaseUnavailable, write
from orris_kit.logging import get_logger
from orris_kit.text import readable

CHARACTERS = 200
log = get_logger(__name__)


class ProgressWriter:
    """Notes how far one build is."""

    def __init__(
        self,
        engine: sa.Engine,
        key: Key,
        notify: Callable[[Key], None],
        executor: Executor,
    ) -> None:
        self._engine, self._key, self._notify, self._executor = (
            engine,
            key,
            notify,
            executor,
        )
        self._noted: tuple[int, str] | None = None
        self._changing = threading.Lock()

    def note(self, percent: int, doing: str) -> None:
        """Store this soon."""
        with self._changing:
            scheduled, self._noted = (
                self._noted is not None,
                (percent, readable(doing, CHARACTERS)),
            )
        if not scheduled:
            self._executor.submit(self._store)

    def _store(self) -> None:
        with self._changing:
            noted, self._noted = self._noted, None
        if noted is None:
            return
        try:
            with write(self._engine) as connection:
                build_rows.note_progress(connection, self._key, *noted)
        except DatabaseUnavailable:
            return  # the next note says more
        except Exception:
            log.exception("a build's progress could not be stored", build=self._key[1])
            return
        self._notify(self._key)
