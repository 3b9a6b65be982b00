"""Leases: the right of one agent to execute a run for a time.

Whatever an agent reports is accepted under a lease that is held, and under no other.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument
from orris.names import DatasetVersionName, RunName, TreeName
from orris_kit.database import Statement
from orris_kit.logging import get_logger
from orris_runs import limits, lineage, loose
from orris_runs.agents import Agents
from orris_runs.data import Produced, Read
from orris_runs.deadlines import Deadlines
from orris_runs.line import slot_of
from orris_runs.log_rows import begin_behind
from orris_runs.model import ErrorCode, Kind, Lease, RunError, Used
from orris_runs.moves import Moves
from orris_runs.pools.rows import find_node
from orris_runs.queue import Queue
from orris_runs.retries import Retries
from orris_runs.rows import produced_to_json, program_of, to_json, to_runs, update_run
from orris_runs.schema import leases, logs, runs
from orris_runs.states import FINAL, State, may_follow
from orris_runs.store import Change, Store

log = get_logger(__name__)

REPORTED = frozenset({State.QUEUED, State.RUNNING, State.FINALIZING})
NOT_HEARD = "its agent {agent} has not been heard of lately"
PROGRAM_NOT_HEARD = "the program that it is has not been heard of lately"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, as its agent says."""

    state: State
    error: RunError | None = None
    outputs: str = ""
    end_time: datetime | None = None
    left_behind: Sequence[str] = ()
    used: Used | None = None
    produced: Sequence[Produced] = ()


class Leases:
    """The leases, and what agents report under them."""

    def __init__(
        self, store: Store, agents: Agents, deadlines: Deadlines, queue: Queue, moves: Moves, retries: Retries
    ) -> None:
        self._store = store
        self._agents = agents
        self._deadlines = deadlines
        self._queue = queue
        self._moves = moves
        self._retries = retries

    def take_up(self) -> int:
        """After a start, give each lease its whole duration again; return how many there are."""
        with self._store.look() as connection:
            held = connection.execute(_with_lease(leases.c.id, leases.c.agent, runs.c.state)).all()
        for lease, agent, state in held:
            self._deadlines.begin(lease, agent, late=state is State.NOT_RESPONDING)
        return len(held)

    def of_agent(self, agent: str) -> list[Lease]:
        """Return every lease that an agent holds, in the order of submission."""
        return self.new_of_agent(agent, {})[1]

    def new_of_agent(self, agent: str, sent: Mapping[str, bool]) -> tuple[dict[str, bool], list[Lease]]:
        """Return of each lease that an agent holds whether it is canceled; and those that it was not `sent` so."""
        with self._store.look() as connection:
            held = _OF_AGENT.all(connection, {"of": agent})
            new = [row for row in held if sent.get(row.held) is not row.cancel]
            runs_of_new = to_runs(connection, new)
        made = [
            Lease(row.held, agent, run, json.loads(row.secrets or "{}"), row.cancel)
            for row, run in zip(new, runs_of_new, strict=True)
        ]
        return {row.held: row.cancel for row in held}, made

    def renew(self, agent: str, ids: Sequence[str]) -> list[str]:
        """Keep leases, and the agent, alive; return the ids of those that are no longer held."""
        if len(ids) > limits.LEASES_RENEWED:
            raise InvalidArgument(f"lease_ids: at most {limits.LEASES_RENEWED}", field="lease_ids")
        pool = self._agents.heard(agent)
        lost, back = self._deadlines.renew(agent, ids)
        if back:
            self.back(back)
        if pool is not None:
            self._queue.dispatch(pool)
        return lost

    def note(
        self,
        change: Change,
        row: Any,
        state: State | None,
        reason: str,
        time: datetime | None,
        warnings: Iterable[str] = (),
    ) -> bool:
        """Note where a run, given as its row, stands: without a state where it stood. What comes late changes nothing.

        Returns whether it is to be canceled.
        """
        if state is not None:
            self._note(change, row, state, reason, time)
        if warnings:
            self._moves.warn(change, row, warnings)
        return _is_canceled(change.connection, row.lease)

    def _note(self, change: Change, row: Any, state: State, reason: str, time: datetime | None) -> None:
        if state not in REPORTED:
            raise InvalidArgument("state must be QUEUED, RUNNING or FINALIZING", field="state")
        columns: dict[str, Any] = {}
        if state is not State.QUEUED and row.start_time is None:
            columns["start_time"] = self._moves.happened_at(row, time)
        if state is State.FINALIZING and row.finalizing_time is None:
            columns["finalizing_time"] = self._moves.happened_at(row, time)
            self._queue.give_back(change, row)
        if may_follow(row.state, state):
            self._moves.move(change, row, state, reason, **columns)
        elif columns:
            update_run(change.connection, row.key, **columns)

    def finish(self, lease: str, outcome: Outcome) -> None:
        """End a run and give its lease back. The same again changes nothing."""
        self._store.together(self.finishing(lease, outcome))

    def finishing(
        self, lease: str, outcome: Outcome, first: Callable[[Change, Any], None] | None = None
    ) -> Callable[[Change], None]:
        """Return what does so in a transaction; `first` is done before, with the run (its row), unless it ended."""
        if outcome.state not in FINAL:
            raise InvalidArgument("state must be COMPLETED, FAILED or CANCELED", field="state")
        return lambda change: self._finish(change, lease, outcome, first)

    def _finish(
        self, change: Change, lease: str, outcome: Outcome, first: Callable[[Change, Any], None] | None
    ) -> None:
        row = _find(change.connection, lease, lock=True)
        if row is not None and row.state is outcome.state:
            return
        _demand_held(row)
        if first is not None:
            first(change, row)
        ended = self._moves.happened_at(row, outcome.end_time)
        soon = row.start_time is not None and (ended - row.start_time).total_seconds() < limits.SOON_SECONDS
        self._agents.lease_ahead(row.agent, soon)
        columns: dict[str, Any] = {
            "reason": row.state_reason if _was_asked_to_cancel(row, outcome) else "",
            "outputs": outcome.outputs,
            "end_time": ended,
            "left_behind": to_json([name[:1024] for name in outcome.left_behind[: limits.LEFT_BEHIND]]),
            **({} if outcome.used is None else asdict(outcome.used)),
        }
        if outcome.produced:
            columns["produced"] = produced_to_json(outcome.produced)
            lineage.add_outputs(change.connection, row.key, outcome.produced)
        if outcome.state is State.FAILED:
            self._retries.fail(change, row, cut(outcome.error or _UNEXPLAINED), **columns)
        else:
            self._moves.end(change, row, outcome.state, **columns)

    def begin_read(self, lease: str, dataset: DatasetVersionName) -> RunName | None:
        """Return the run that is about to read a version of a dataset; None when it is known to have read it.

        Raises FailedPrecondition (LEASE_LOST), InvalidArgument (OTHER_WORKSPACE).
        """
        with self._store.look() as connection:
            row = _find(connection, lease)
        _demand_held(row)
        if dataset.workspace != row.workspace:
            message = f"dataset: {dataset} is of another workspace than the run"
            raise InvalidArgument(message, field="dataset", reason="OTHER_WORKSPACE")
        return None if lineage.has_read(row, str(dataset)) else RunName(row.workspace, row.id)

    def record_read(self, lease: str, read: Read) -> None:
        """Record what a leased run reads, its files kept for it. Raises as `lineage.add_read`, and LEASE_LOST."""
        with self._store.change() as change:
            lineage.add_read(change.connection, held_run(change.connection, lease), read)

    def begin_finish(self, lease: str, outcome: Outcome) -> RunName | None:
        """Return the run that a lease is about to end; None when it did so before. Raises FailedPrecondition."""
        with self._store.look() as connection:
            row = _find(connection, lease)
        if row is not None and row.state is outcome.state:
            return None
        _demand_held(row)
        for field, tree in (("outputs", outcome.outputs), *(("outputs_to", each.tree) for each in outcome.produced)):
            if tree and TreeName.parse(tree, field=field).workspace != row.workspace:
                raise InvalidArgument(f"{field} must be of the run's workspace", field=field)
        wanted = {each.name for each in program_of(row.program).outputs_to}
        if len(outcome.produced) > len(wanted) or any(each.name not in wanted for each in outcome.produced):
            raise InvalidArgument("outputs_to: the run was to leave no such thing", field="outputs_to")
        return RunName(row.workspace, row.id)

    def hand_back(self, lease: str) -> None:
        """Let a leased run that has not begun wait again, where it was in the line.

        Raises FailedPrecondition (LEASE_LOST, RUN_BEGUN).
        """
        with self._store.change() as change:
            row = held_run(change.connection, lease)
            # What is in a log then is of its environment, which was made ready.
            if row.state is not State.QUEUED or row.start_time is not None or row.next_sequence:
                raise FailedPrecondition("the run has begun, or is to be canceled; go on", reason="RUN_BEGUN")
            self._agents.lease_ahead(row.agent, False)
            begin_behind(change.connection, row.key)
            self._moves.drop_lease(change, row)
            self._wait_again(change, row, attempts=row.attempts - 1)

    def _wait_again(self, change: Change, row: Any, **columns: Any) -> None:
        """Let a run wait that has never begun: it has waited all the time."""
        columns |= {"queued_time": row.queued_time, "leased_time": None}
        self._moves.enqueue(change, row, slot_of(row.kind).value, **columns)
        self._queue.leave(change, row)

    def refuse(self, lease: str, error: RunError) -> None:
        """Fail a leased run that cannot be handed to its agent."""
        with self._store.change() as change:
            row = _find(change.connection, lease, lock=True)
            if _is_held(row):
                self._moves.end(change, row, State.FAILED, error=cut(error))

    def look_after(self) -> None:
        """Say which runs' agents are silent, and end the leases that have run out."""
        if late := self._deadlines.take_late():
            with self._store.change() as change:
                for row in _held(change.connection, late):
                    log.warning("an agent is silent", agent=row.agent, run=row.id)
                    if row.state is State.RUNNING:
                        why = PROGRAM_NOT_HEARD if row.kind is Kind.INTERACTIVE else _silence(change.connection, row)
                        self._moves.move(change, row, State.NOT_RESPONDING, why)
        if ended := self._deadlines.take_ended():
            self._lose(ended)

    def give_up_all(self) -> None:
        """End every lease: the agents that held them are not this installation's any more."""
        with self._store.look() as connection:
            held = list(connection.scalars(sa.select(leases.c.id)))
        if held:
            self._lose(held)

    def back(self, ids: list[str]) -> None:
        """Let runs respond again whose leases were late until now."""
        with self._store.change() as change:
            for row in _held(change.connection, ids):
                if row.state is State.NOT_RESPONDING:
                    self._moves.move(change, row, State.RUNNING)

    def _lose(self, ids: list[str]) -> None:
        try:
            with self._store.change() as change:
                for row in _held(change.connection, ids):
                    self._lose_one(change, row)
        except BaseException:
            # Held in the database still: give them another duration rather than forget them.
            for lease in ids:
                self._deadlines.begin(lease, "", late=True)
            raise

    def _lose_one(self, change: Change, row: Any) -> None:
        log.warning("a lease has run out", agent=row.agent, run=row.id)
        if row.kind is Kind.INTERACTIVE:
            message = "the program that it was has not been heard of for too long; begin another run"
            self._moves.end(change, row, State.FAILED, error=RunError(ErrorCode.AGENT_LOST, message), lease="")
            return
        canceled = row.state is State.CANCEL_REQUESTED or _is_canceled(change.connection, row.lease)
        if not canceled and _never_began(change.connection, row) and row.attempts < limits.ATTEMPTS:
            self._moves.drop_lease(change, row)
            self._wait_again(change, row)
            return
        # Its outputs may be kept already, though nobody told of them in time.
        loose.note(change, row.workspace, row.id)
        if canceled:
            self._moves.end(change, row, State.CANCELED, row.state_reason, lease="")
        else:
            self._retries.fail(change, row, _loss(change.connection, row.agent), lease="")


_UNEXPLAINED = RunError(ErrorCode.SYSTEM, "the agent gave no reason; its own log has more")


def _silence(connection: sa.Connection, row: Any) -> str:
    """Say what is known of an agent that is not heard of."""
    node = find_node(connection, row.agent)
    if node is None or not node.end_reason:
        return NOT_HEARD.format(agent=row.agent)
    return f"its agent {row.agent} is gone: {node.end_reason}"


def _loss(connection: sa.Connection, agent: str) -> RunError:
    """Say what has become of an agent: of a node, its end says more."""
    node = find_node(connection, agent)
    why = f": {node.end_reason}" if node is not None and node.end_reason else ""
    code = ErrorCode.PREEMPTED if node is not None and node.preempted else ErrorCode.AGENT_LOST
    return RunError(code, f"agent {agent} was lost while it had the run{why}; submit the run again")


def held_run(connection: sa.Connection, lease: str) -> Any:
    """Return the run of a lease, locked. Raises FailedPrecondition (LEASE_LOST) unless the lease is held."""
    row = _find(connection, lease, lock=True)
    _demand_held(row)
    return row


def _with_lease(*columns: Any) -> sa.Select[Any]:
    return sa.select(*columns).join_from(leases, runs, leases.c.run_key == runs.c.key)


# A lease is held as long as its run names it and is not over: one row to lock, which all changes of a run lock first.
_ONE = sa.select(runs).where(runs.c.lease == sa.bindparam("id"))
_FIND, _FIND_LOCKED = Statement(_ONE), Statement(_ONE.with_for_update())
_OF_AGENT = Statement(
    _with_lease(runs, leases.c.id.label("held"), leases.c.cancel)
    .where(leases.c.agent == sa.bindparam("of"))
    .order_by(runs.c.key)
)
_CANCEL = Statement(sa.select(leases.c.cancel).where(leases.c.id == sa.bindparam("id")))


def _find(connection: sa.Connection, lease: str, *, lock: bool = False) -> Any:
    return (_FIND_LOCKED if lock else _FIND).first(connection, {"id": lease}) if lease else None


def _is_held(row: Any) -> bool:
    return row is not None and row.state not in FINAL


def _demand_held(row: Any) -> None:
    if not _is_held(row):
        raise FailedPrecondition("the lease is no longer held; end the run's processes", reason="LEASE_LOST")


def _held(connection: sa.Connection, ids: Sequence[str]) -> Sequence[Any]:
    """Return the runs of those of the leases that are held, locked."""
    chosen = sa.select(runs).where(runs.c.lease.in_(ids), runs.c.state.not_in(sorted(FINAL)))
    return connection.execute(chosen.order_by(runs.c.key).with_for_update()).all()


def _was_asked_to_cancel(row: Any, outcome: Outcome) -> bool:
    keeping = row.state is State.FINALIZING and outcome.state is State.CANCELED
    return keeping or row.state is State.CANCEL_REQUESTED


def _is_canceled(connection: sa.Connection, lease: str) -> bool:
    return bool(_CANCEL.value(connection, {"id": lease}))


def _never_began(connection: sa.Connection, row: Any) -> bool:
    """Tell whether nothing at all was heard of the program: only then may another agent execute it unasked."""
    if row.start_time is not None or row.next_sequence or row.state is not State.QUEUED:
        return False
    # What is in a log up to its base is of an earlier attempt.
    written = sa.select(logs.c.key).where(logs.c.run_key == row.key, (logs.c.size > logs.c.base) | (logs.c.size == 0))
    return connection.execute(written.limit(1)).first() is None


def cut(error: RunError) -> RunError:
    """Return an error of the length that is kept."""
    return replace(
        error,
        message=error.message[: limits.MESSAGE_CHARACTERS],
        details=error.details[-limits.DETAILS_CHARACTERS :],
        label=error.label[: limits.LABEL_CHARACTERS],
    )
