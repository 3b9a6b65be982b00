"""When images were last used, to the hour: what nobody uses is collected one day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from orris_images import schema
from orris_images.images import is_image
from orris_kit.database import write

EXACTNESS = timedelta(hours=1)


class Uses:
    """Notes uses in a database, of each image once an hour."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime]) -> None:
        self._engine, self._clock = engine, clock
        self._noted: dict[tuple[str, str], datetime] = {}

    def note(self, workspace: str, image: str) -> None:
        """Note that an image is used now."""
        key, now = (workspace, image), self._clock()
        last = self._noted.get(key)
        if last is not None and now - last < EXACTNESS:
            return
        with write(self._engine) as connection:
            connection.execute(schema.images.update().where(*is_image(*key)).values(use_time=now))
        self._noted[key] = now
