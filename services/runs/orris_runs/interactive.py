"""Interactive runs: programs that nobody submitted, and that say themselves what becomes of them.

Such a run has a session instead of an agent's lease: what it reports is accepted under that, and it ends when it is
silent for too long. One that is part of another run has no session: that run reports for it, and takes it along when it
ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from orris.errors import Conflict, FailedPrecondition, InvalidArgument
from orris.names import RunName, TreeName
from orris_runs import limits, loose
from orris_runs.deadlines import Deadlines
from orris_runs.events import UNEXPLAINED, Events
from orris_runs.experiments import Experiments
from orris_runs.leases import Leases, cut
from orris_runs.model import Event, Kind, NewRun, Prepared, Run, RunError
from orris_runs.moves import Moves
from orris_runs.reading import Reading
from orris_runs.schema import requests, runs
from orris_runs.states import FINAL, State
from orris_runs.store import Change, Store, run_changed
from orris_runs.submission import Submission


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """How long an interactive run may be silent, in seconds: before it does not respond, and before it has failed."""

    patience: float = limits.SESSION_PATIENCE_SECONDS
    lasting: float = limits.SESSION_SECONDS


class Interactive:
    """The interactive runs."""

    def __init__(
        self,
        store: Store,
        reading: Reading,
        experiments: Experiments,
        submission: Submission,
        events: Events,
        leases: Leases,
        moves: Moves,
        deadlines: Deadlines,
        times: SessionTimes,
    ) -> None:
        self._store = store
        self._reading = reading
        self._experiments = experiments
        self._submission = submission
        self._events = events
        self._leases = leases
        self._moves = moves
        self._deadlines = deadlines
        self.times = times

    def take_up(self) -> int:
        """After a start, let each run be silent for its whole time again; return how many there are."""
        chosen = sa.select(runs.c.lease, runs.c.state).where(
            runs.c.kind == Kind.INTERACTIVE, runs.c.lease != "", runs.c.state.not_in(sorted(FINAL))
        )
        with self._store.look() as connection:
            found = connection.execute(chosen).all()
        for session, state in found:
            self._listen(session, late=state is State.NOT_RESPONDING)
        return len(found)

    def begin(
        self, run_id: str, new: NewRun, session: str, caller: str | None, request_id: str = "", payload: bytes = b""
    ) -> tuple[Run, str]:
        """Record a run that was checked; return it, or what the same request recorded before, and its session.

        `session` is that of the parent, or of the run that this is part of; `caller` is the run whose token was shown.
        """
        requested = ("CreateRun", new.workspace, request_id, payload)
        with self._store.change() as change:
            if (made := requests.recall(change.connection, *requested)) is not None:
                recorded = self._submission.recorded(change, new.workspace, made)
                return recorded, self._reading.require_row(change.connection, new.workspace, made).lease
            holder = self._holder(change, new, session, caller)
            self._experiments.ensure(change, new.workspace, new.experiment)
            own = "" if holder else self._store.new_id()
            now = self._store.clock.now()
            key: int = self._submission.insert(
                change,
                run_id,
                new,
                Prepared(),
                state=State.RUNNING,
                state_reason="",
                start_time=now,
                lease=own,
                holder=holder,
            ).key
            requests.remember(change.connection, *requested, run_id)
            if new.program.snapshot:
                loose.take_back(change, new.workspace, run_id)
            if own:
                self._listen(own)
            change.wake(run_changed(key))
            return self._reading.load(change.connection, new.workspace, run_id), own

    def renew(self, workspace: str, run: str, session: str) -> Run:
        """Note that a run's program lives. Raises NotFound, FailedPrecondition (LEASE_LOST)."""
        with self._store.look() as connection:
            _demand_session(self._reading.require_row(connection, workspace, run), session)
        lost, back = self._deadlines.renew("", [session])
        if lost:
            self._listen(session)
        if back:
            self._leases.back(back)
        return self._reading.get(workspace, run)

    def record(self, workspace: str, run: str, session: str, first_sequence: int, events: Sequence[Event]) -> int:
        """Apply what a run reports; return the sequence expected next. Raises as `renew` and `Events.append` do."""
        self.renew(workspace, run, session)
        return self._events.append(session, first_sequence, events)

    def end(self, workspace: str, run: str, session: str, state: State, error: RunError | None) -> Run:
        """End a run. The same again changes nothing. Raises NotFound, FailedPrecondition (LEASE_LOST)."""
        if state not in FINAL:
            raise InvalidArgument("state must be COMPLETED, FAILED or CANCELED", field="state")
        with self._store.change() as change:
            row = self._reading.require_row(change.connection, workspace, run, lock=True)
            if not (session and row.lease == session and row.state is state):
                _demand_session(row, session)
                failed = state is State.FAILED
                self._moves.end(change, row, state, error=cut(error or UNEXPLAINED) if failed else None)
            return self._reading.load(change.connection, workspace, run)

    def check_may_keep(self, name: RunName, outputs: str, previous: str) -> None:
        """Raise unless these files can take the place of those that a run keeps.

        NotFound (RUN_NOT_FOUND), FailedPrecondition (RUN_ACTIVE), Conflict (OUTPUTS_CHANGED).
        """
        if TreeName.parse(outputs, field="outputs").workspace != name.workspace:
            raise InvalidArgument("outputs must be of the run's workspace", field="outputs")
        with self._store.look() as connection:
            _demand_free(self._reading.require_row(connection, name.workspace, name.run), outputs, previous)

    def keep(self, name: RunName, outputs: str, previous: str) -> Run:
        """Let a run keep these files, which are referred to, instead of those before."""
        with self._store.change() as change:
            row = self._reading.require_row(change.connection, name.workspace, name.run, lock=True)
            _demand_free(row, outputs, previous)
            change.connection.execute(runs.update().where(runs.c.key == row.key).values(outputs=outputs))
            # What it kept before is released, at the latest when it has ended.
            loose.note(change, name.workspace, name.run)
            change.wake(run_changed(row.key))
            return self._reading.load(change.connection, name.workspace, name.run)

    def _listen(self, session: str, *, late: bool = False) -> None:
        self._deadlines.begin(session, "", late=late, patience=self.times.patience, lasting=self.times.lasting)

    def _holder(self, change: Change, new: NewRun, session: str, caller: str | None) -> int | None:
        """Return the key of the run, locked, that a new one is part of; None when it stands alone."""
        if not new.parent_run:
            if session:
                raise InvalidArgument("session: name the parent run that it is of, too", field="session")
            return None
        parent = RunName.parse(new.parent_run, field="run.parent_run")
        row = self._reading.require_row(change.connection, parent.workspace, parent.run, lock=True)
        root = row
        if row.holder is not None:
            held = sa.select(runs).where(runs.c.key == row.holder).with_for_update()
            root = change.connection.execute(held).one()
        if row.state in FINAL or root.state in FINAL:
            message = f"the run {row.id} has ended; begin a run of its own, without a parent"
            raise FailedPrecondition(message, reason="PARENT_ENDED")
        if session and root.lease != session:
            raise FailedPrecondition("session: it is not that of the parent run", reason="LEASE_LOST")
        if caller == root.id and not root.lease:
            message = f"the run {root.id} waits for another attempt: what this one begins would be nobody's"
            raise FailedPrecondition(message, reason="LEASE_LOST")
        holder: int | None = root.key if session or caller == root.id else None
        return holder


def _demand_session(row: Any, session: str) -> None:
    if row.kind is not Kind.INTERACTIVE or not session or row.lease != session or row.state in FINAL:
        message = f"the run {row.id} has ended, or is held by somebody else: nothing more is recorded of it"
        raise FailedPrecondition(message, reason="LEASE_LOST")


def _demand_free(row: Any, outputs: str, previous: str) -> None:
    if row.kind is not Kind.INTERACTIVE and row.state not in FINAL:
        message = f"the run {row.id} has not ended: its own files are kept when it has; add to them then"
        raise FailedPrecondition(message, reason="RUN_ACTIVE")
    if row.outputs not in (previous, outputs):
        raise Conflict(f"the run {row.id} keeps other files by now; compose anew", reason="OUTPUTS_CHANGED")
