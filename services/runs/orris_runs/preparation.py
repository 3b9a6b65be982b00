"""Runs whose environments are being made: each build is followed once, however many runs wait for it."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from orris_runs import limits
from orris_runs.demands import NO_CONTAINER_IMAGES, Isolation, demands_of
from orris_runs.identical import identity_of_row
from orris_runs.line import slot_of
from orris_runs.log_rows import append_row
from orris_runs.model import ErrorCode, RunError
from orris_runs.moves import Moves
from orris_runs.schema import PREPARING, logs, runs
from orris_runs.states import State
from orris_runs.store import Change, Store, logs_changed


class Preparation:
    """What becomes of builds, for the runs that wait for them."""

    def __init__(self, store: Store, moves: Moves) -> None:
        self._store = store
        self._moves = moves

    def builds(self) -> list[str]:
        """Return the builds that runs wait for."""
        with self._store.look() as connection:
            return list(connection.execute(sa.select(runs.c.build).where(PREPARING).distinct()).scalars())

    def log_size(self, build: str) -> int:
        """Return how many bytes of a build's log are here: where to go on."""
        with self._store.look() as connection:
            size = connection.execute(sa.select(logs.c.size).where(logs.c.build == build)).scalar_one_or_none()
        return size or 0

    def append_log(self, build: str, offset: int, data: bytes) -> None:
        """Keep bytes of a build's log for the runs that wait for it; those that are here already are passed over."""
        with self._store.change() as change:
            chosen = sa.select(logs).where(logs.c.build == build).with_for_update()
            log = change.connection.execute(chosen).one_or_none()
            if log is None or log.complete or offset > log.size or offset + len(data) <= log.size:
                return
            append_row(change.connection, log, data[log.size - offset :])
            self._wake_readers(change, build)

    def succeeded(self, build: str, image: str, warnings: Sequence[str], *, contained: bool = False) -> None:
        """Let the runs that waited go on into the queue; `contained`: the image is one for containers as well."""
        with self._store.change() as change:
            self._complete_log(change, build)
            for row in self._waiting(change, build):
                self._moves.warn(change, row, warnings)
                if not contained and demands_of(row.demands).isolation is Isolation.CONTAINER:
                    error = RunError(ErrorCode.ENVIRONMENT, NO_CONTAINER_IMAGES)
                    self._moves.end(change, row, State.FAILED, error=error)
                    continue
                identity = identity_of_row(row, image)
                self._moves.enqueue(change, row, slot_of(row.kind).value, image=image, identity=identity)

    def failed(self, build: str, why: str) -> None:
        """Fail the runs that waited."""
        message = f"the environment could not be made: {why}"[: limits.MESSAGE_CHARACTERS]
        with self._store.change() as change:
            self._complete_log(change, build)
            for row in self._waiting(change, build):
                self._moves.end(change, row, State.FAILED, error=RunError(ErrorCode.ENVIRONMENT, message))

    def _waiting(self, change: Change, build: str) -> Sequence[Any]:
        chosen = sa.select(runs).where(PREPARING, runs.c.build == build).order_by(runs.c.key).with_for_update()
        return change.connection.execute(chosen).all()

    def _complete_log(self, change: Change, build: str) -> None:
        change.connection.execute(logs.update().where(logs.c.build == build).values(complete=True))
        self._wake_readers(change, build)

    def _wake_readers(self, change: Change, build: str) -> None:
        chosen = sa.select(runs.c.key).where(PREPARING, runs.c.build == build)
        for key in change.connection.execute(chosen).scalars():
            change.wake(logs_changed(key))
