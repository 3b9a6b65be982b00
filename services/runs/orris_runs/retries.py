"""Another attempt after a failure that is not the program's: of which, after how long, and what becomes of the last.

A run is executed anew only where it was submitted with retries, and only after what was executed has ended: its agent
said so, or its lease has run out. What was logged stays, and goes on behind a line that says why; metrics, outputs,
parts, and what the program says of its run are those of the last attempt.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orris_kit.text import readable
from orris_runs import limits, loose, own_labels
from orris_runs.line import slot_of
from orris_runs.log_rows import append_line, begin_behind
from orris_runs.lost_parts import drop_parts
from orris_runs.model import STD_LOG, Attempt, ErrorCode, RunError
from orris_runs.moves import Moves
from orris_runs.rows import attempts_of, attempts_to_json
from orris_runs.schema import leases, logs, metric_summaries, metrics, runs, usage
from orris_runs.states import State, may_be_repeated
from orris_runs.store import RETRIES_CHANGED, Change, Store, logs_changed

FIRST_SECONDS, LONGEST_SECONDS = 2.0, 300.0
AT_A_TIME = 100


def back_off(attempt: int, chance: float) -> float:
    """Return how many seconds pass after a failed attempt (from 1), given a number from 0 to 1.

    Twice as long each time, and half of it at random: those that failed together do not come back together.
    """
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(attempt - 1, 20))
    return longest * (0.5 + chance / 2)


class Retries:
    """Ends attempts that failed, and begins the next ones."""

    def __init__(self, store: Store, moves: Moves, chance: Callable[[], float] = random.random) -> None:
        self._store = store
        self._moves = moves
        self._chance = chance

    def fail(self, change: Change, row: Any, error: RunError, **columns: Any) -> None:
        """Let an attempt of a leased run have failed: another follows, or the run has."""
        if _is_to_be_repeated(change.connection, row, error):
            self._repeat(change, row, error)
        else:
            self._moves.end(change, row, State.FAILED, error=error, **columns)

    def begin_due(self) -> float | None:
        """Let the runs wait for agents whose time has come; return in how many seconds the next one's does."""
        now = self._store.clock.now()
        chosen = sa.select(runs).where(runs.c.retry_time <= now).order_by(runs.c.retry_time, runs.c.key)
        with self._store.change() as change:
            for row in change.connection.execute(chosen.limit(AT_A_TIME).with_for_update()).all():
                self._moves.enqueue(change, row, slot_of(row.kind).value, retry_time=None)
            following: datetime | None = change.connection.execute(_NEXT).scalar()
        return None if following is None else max(0.0, (following - now).total_seconds())

    def _repeat(self, change: Change, row: Any, error: RunError) -> None:
        now = self._store.clock.now()
        known = attempts_of(row.failed_attempts)
        failed = Attempt(len(known) + 1, row.agent, row.start_time, now, replace(error, details=error.details[-1000:]))
        time = now + timedelta(seconds=back_off(failed.number, self._chance()))
        self._go_on_logging(change, row, failed)
        for table in (metrics, metric_summaries, usage):
            change.connection.execute(table.delete().where(table.c.run_key == row.key))
        own_labels.undo(change.connection, row.key)
        drop_parts(change, self._moves, row, failed)
        # Outputs may be kept already that are not the run's.
        loose.note(change, row.workspace, row.id)
        reason = f"attempt {failed.number} of {row.max_retries + 1} failed: {error.message}"
        when = f"the next one begins at {time:%Y-%m-%d %H:%M:%S} UTC"
        self._moves.set_back(
            change,
            row,
            state_reason=f"{when}; {readable(reason, limits.REASON_CHARACTERS - 100)}",
            failed_attempts=attempts_to_json([*known, failed]),
            retry_time=time,
            next_sequence=0,
        )
        change.wake(RETRIES_CHANGED)

    def _go_on_logging(self, change: Change, row: Any, failed: Attempt) -> None:
        """What an agent sends from now on comes behind what there is."""
        said = readable(failed.error.message, limits.REASON_CHARACTERS)
        line = f"--- orris: attempt {failed.number} of {row.max_retries + 1} failed: {said}; another one follows ---\n"
        written = (logs.c.size > 0) | (logs.c.file == STD_LOG)
        chosen = sa.select(logs).where(logs.c.run_key == row.key, written).order_by(logs.c.key)
        for log in change.connection.execute(chosen).all():
            append_line(change.connection, log, line)
        begin_behind(change.connection, row.key)
        change.wake(logs_changed(row.key))


# Made once: to put a statement together costs more than to execute it.
_NEXT = sa.select(sa.func.min(runs.c.retry_time)).where(runs.c.retry_time.is_not(None))


def _is_to_be_repeated(connection: sa.Connection, row: Any, error: RunError) -> bool:
    if not may_be_repeated(row.state) or len(attempts_of(row.failed_attempts)) >= row.max_retries:
        return False
    if connection.execute(sa.select(leases.c.cancel).where(leases.c.run_key == row.key)).scalar():
        return False
    if error.code is ErrorCode.ENVIRONMENT:
        # Its agent could not make ready what the run needs, and another may.
        return row.start_time is None
    return error.code in {ErrorCode.AGENT_LOST, ErrorCode.PREEMPTED, ErrorCode.SYSTEM}
