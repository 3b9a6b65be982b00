"""How a run moves from state to state: every change of a state goes through here."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orris_kit.database import Statement
from orris_kit.text import readable
from orris_runs import limits, loose
from orris_runs.deadlines import Deadlines
from orris_runs.log_rows import complete_log
from orris_runs.model import ErrorCode, Kind, RunError
from orris_runs.queue import Queue
from orris_runs.rows import error_to_json, to_json, update_run
from orris_runs.schema import leases, logs, runs, sweep_trials
from orris_runs.states import FINAL, State, check_transition
from orris_runs.store import ARCHIVE_CHANGED, Change, Store, agent_changed, logs_changed, run_ended


class Moves:
    """Moves runs, given as rows of `runs` that were read in the same transaction."""

    def __init__(self, store: Store, queue: Queue, deadlines: Deadlines) -> None:
        self._store = store
        self._queue = queue
        self._deadlines = deadlines

    def move(self, change: Change, row: Any, state: State, reason: str = "", **columns: Any) -> None:
        """Put a run into a state that is not final. Raises FailedPrecondition where the state cannot follow."""
        check_transition(row.state, state)
        self._update(change, row, state=state, state_reason=readable(reason, limits.REASON_CHARACTERS), **columns)

    def enqueue(self, change: Change, row: Any, slot: str, **columns: Any) -> None:
        """Let a run wait for an agent, or give it to one at once."""
        columns.setdefault("queued_time", self._store.clock.now())
        self.move(change, row, State.QUEUED, slot=slot, agent="", lease="", **columns)
        self._queue.enter(change, row, slot)

    def set_back(self, change: Change, row: Any, **columns: Any) -> None:
        """Take a run from its agent, as if none had ever had it."""
        none: dict[str, Any] = {"agent": "", "lease": "", "address": "", "attempts": 0, "state": State.QUEUED}
        none |= dict.fromkeys(("start_time", "leased_time", "finalizing_time"))
        self._update(change, row, **none, **columns)
        self.drop_lease(change, row)
        self._queue.leave(change, row)

    def end(
        self, change: Change, row: Any, state: State, reason: str = "", error: RunError | None = None, **columns: Any
    ) -> None:
        """Put a run into a final state: its secrets are forgotten, its slot is free for the next, its logs complete."""
        assert state in FINAL
        check_transition(row.state, state)
        columns.setdefault("end_time", self._store.clock.now())
        self._update(
            change,
            row,
            state=state,
            state_reason=readable(reason, limits.REASON_CHARACTERS),
            error=error_to_json(error),
            secrets=None,
            slot=None,
            retry_time=None,
            address="",
            final_time=self._store.clock.now(),
            **columns,
        )
        change.wake(run_ended(row.workspace, row.id))
        self._end_logs(change, row)
        if row.kind is not Kind.TRAINING:
            loose.note(change, row.workspace, row.id)
        self._end_parts(change, row, state)
        if row.kind is Kind.INTERACTIVE:
            change.then(lambda: self._deadlines.end(row.lease))
        elif row.lease:
            self.drop_lease(change, row)
            self._queue.leave(change, row)
        elif row.slot:
            self._queue.give_up(change, row)

    def drop_lease(self, change: Change, row: Any) -> None:
        """Take a run's lease from its agent."""
        _DROP.run(change.connection, {"of": row.key})
        change.then(lambda: self._deadlines.end(row.lease))

    def ask_to_cancel(self, change: Change, row: Any, reason: str) -> None:
        """Cancel a run: at once where no agent has it, else by asking the agent."""
        state: State = row.state
        if state in FINAL:
            return
        if not row.lease or row.kind is Kind.INTERACTIVE:
            self.end(change, row, State.CANCELED, reason)
            if row.kind is Kind.SWEEP:
                self.cancel_trials(change, row, reason)
            return
        change.connection.execute(leases.update().where(leases.c.run_key == row.key).values(cancel=True))
        change.wake(agent_changed(row.agent))
        # A program that has ended cannot be canceled; keeping its outputs can.
        if state is State.FINALIZING:
            self.move(change, row, state, reason)
        elif state is not State.CANCEL_REQUESTED:
            self.move(change, row, State.CANCEL_REQUESTED, reason)

    def warn(self, change: Change, row: Any, warnings: Iterable[str]) -> None:
        """Add warnings to a run, each once, as long as there is room for more."""
        known: list[str] = json.loads(_stored_warnings(change.connection, row.key))
        for text in warnings:
            warning = text[: limits.WARNING_CHARACTERS]
            if warning and warning not in known and len(known) < limits.WARNINGS:
                known.append(warning)
        self._update(change, row, warnings=to_json(known))

    def happened_at(self, row: Any, time: datetime | None) -> datetime:
        """Return a moment as an agent's clock has it, brought between what is known to be earlier and now."""
        now = self._store.clock.now()
        return now if time is None else max(row.start_time or row.create_time, min(time, now))

    def _update(self, change: Change, row: Any, **columns: Any) -> None:
        update_run(change.connection, row.key, **columns)
        change.wake_watchers_of(row)

    def cancel_trials(self, change: Change, row: Any, reason: str) -> None:
        """Cancel all trials of a sweep that have not ended."""
        trials = sa.select(runs).join(sweep_trials, sweep_trials.c.run_key == runs.c.key)
        trials = trials.where(sweep_trials.c.sweep_key == row.key, runs.c.state.not_in(sorted(FINAL)))
        for trial in change.connection.execute(trials.order_by(runs.c.key).with_for_update(of=runs)).all():
            self.ask_to_cancel(change, trial, reason)

    def _end_parts(self, change: Change, row: Any, state: State) -> None:
        """End the interactive runs that are part of a run, as it ended."""
        for part in _PARTS.all(change.connection, {"of": row.key}):
            message = f"the run that it was part of, {row.id}, failed"
            error = RunError(ErrorCode.USER_PROGRAM, message) if state is State.FAILED else None
            self.end(change, part, state, f"ended with {row.id}", error)

    def _end_logs(self, change: Change, row: Any) -> None:
        """Fix the size of a build's log as this run shows it, and let what is large move to the artifacts."""
        if row.state is State.PREPARING and row.build:
            size = sa.select(logs.c.size).where(logs.c.build == row.build).scalar_subquery()
            change.connection.execute(runs.update().where(runs.c.key == row.key).values(build_log_size=size))
        for log in _CUT_OFF.all(change.connection, {"of": row.key}):
            complete_log(change.connection, log)
        if _ARCHIVE.run(change.connection, {"of": row.key}):
            change.wake(ARCHIVE_CHANGED)
        change.wake(logs_changed(row.key))


_DROP = Statement(leases.delete().where(leases.c.run_key == sa.bindparam("of")))
_PARTS = Statement(
    sa.select(runs)
    .where(runs.c.holder == sa.bindparam("of"), *(runs.c.state != state for state in sorted(FINAL)))
    .order_by(runs.c.key)
    .with_for_update()
)
_CUT_OFF = Statement(
    sa.select(logs).where(logs.c.run_key == sa.bindparam("of"), logs.c.dropped > 0, logs.c.complete.is_(False))
)
_ARCHIVE = Statement(
    logs.update()
    .where(
        logs.c.run_key == sa.bindparam("of"),
        logs.c.size > limits.LOG_ROWS_KEPT_BYTES,
        logs.c.size > logs.c.kept,
    )
    .values(to_archive=True)
)


def _stored_warnings(connection: sa.Connection, key: int) -> str:
    return str(connection.execute(sa.select(runs.c.warnings).where(runs.c.key == key)).scalar_one())
