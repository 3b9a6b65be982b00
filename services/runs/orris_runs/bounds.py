"""How many runs an experiment may have with agents at a time: durable in its row, in memory for the queue."""

import threading
from collections.abc import Mapping

import sqlalchemy as sa

from orris_runs.line import owner_of
from orris_runs.schema import experiments
from orris_runs.store import Store


class Bounds:
    """The bounds of those experiments that have one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, int] = {}

    def take_up(self) -> None:
        """Learn them after a start."""
        columns = (experiments.c.workspace, experiments.c.id, experiments.c.max_concurrent_runs)
        with self._store.look() as connection:
            found = connection.execute(sa.select(*columns).where(experiments.c.max_concurrent_runs > 0)).all()
        for workspace, experiment, most in found:
            self.learn(workspace, experiment, most)

    def learn(self, workspace: str, experiment: str, most: int) -> None:
        """Note what an experiment's row says from now on; 0 is no bound."""
        with self._lock:
            self._known = {**self._known, owner_of(workspace, experiment): most}
            if not most:
                del self._known[owner_of(workspace, experiment)]

    def of(self, owner: str) -> int:
        """Return the bound of an experiment, 0 where it has none."""
        return self._known.get(owner, 0)

    @property
    def none(self) -> bool:
        """Whether no experiment has a bound."""
        return not self._known

    def full(self, running: Mapping[str, int]) -> list[str]:
        """Return those of the experiments that run as many as they may."""
        return [owner for owner, count in running.items() if 0 < self.of(owner) <= count]
