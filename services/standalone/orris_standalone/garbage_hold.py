"""Hold off the collection of garbage: by the leases that those who collect take, in all workspaces at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from orris.errors import Conflict
from orris_artifacts.lease import Lease
from orris_artifacts.schema import blobs, references, trees
from orris_kit.database import read
from orris_kit.database.opening import make_engine

WAIT_SECONDS = 600.0
_ASK_SECONDS = 1.0


class Hold:
    """Keeps garbage from being collected, while it is renewed every few minutes and to the end of its context."""

    def __init__(self, leases: Sequence[Lease]) -> None:
        self._leases = leases

    def renew(self) -> None:
        """Go on holding. Cheap. Raises Conflict when somebody began to collect after all."""
        for lease in self._leases:
            lease.renew()


@contextmanager
def garbage_held(database: Path, sleep: Callable[[float], None] = time.sleep) -> Iterator[Hold]:
    """Wait until nobody collects garbage, and keep it so. Raises Conflict when that takes longer than ten minutes."""
    engine = make_engine(f"sqlite:///{database}", "orris_artifacts")
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        leases = [Lease(engine, workspace, lambda: datetime.now(UTC)) for workspace in _workspaces(engine)]
        for lease in leases:
            _take(lease, sleep)
            stack.callback(lease.give_back)
        yield Hold(leases)


def _take(lease: Lease, sleep: Callable[[float], None]) -> None:
    for _ in range(int(WAIT_SECONDS / _ASK_SECONDS)):
        try:
            lease.take()
            return
        except Conflict:
            sleep(_ASK_SECONDS)
    lease.take()


def _workspaces(engine: sa.Engine) -> list[str]:
    with read(engine) as connection:
        found: set[str] = set()
        for table in (blobs, trees, references):
            found.update(connection.scalars(sa.select(table.c.workspace).distinct()))
    return sorted(found)
