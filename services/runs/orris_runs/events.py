"""What runs report while they run: metrics, tags, properties, addresses; each event once, in order."""

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from orris.errors import InvalidArgument, OutOfRange
from orris_kit.database import Statement
from orris_kit.paging import after_key, page_token
from orris_kit.text import check_text, is_text
from orris_runs import limits
from orris_runs.checks import wrong_label
from orris_runs.labels import insert_property, property_value, remove_tags, set_tag
from orris_runs.leases import cut, held_run
from orris_runs.model import (
    CELLS,
    Address,
    ChildEvent,
    End,
    ErrorCode,
    Event,
    Kind,
    MetricPoint,
    PropertyChange,
    RunError,
    TagChange,
    Unreadable,
    Warned,
)
from orris_runs.moves import Moves
from orris_runs.own_labels import undoable
from orris_runs.points import to_point, to_row
from orris_runs.reading import Page, Reading
from orris_runs.schema import metrics, properties, runs, tags
from orris_runs.states import FINAL, State
from orris_runs.store import Change, Store, run_changed
from orris_runs.summaries import Keyed, sum_up

UNEXPLAINED = RunError(ErrorCode.USER_PROGRAM, "the run failed, and gave no reason")
_COUNT = Statement(runs.update().where(runs.c.key == sa.bindparam("at")))
_ADDRESS = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}:[0-9]{1,5}")


class Events:
    """The events of runs."""

    def __init__(self, store: Store, reading: Reading, moves: Moves) -> None:
        self._store = store
        self._reading = reading
        self._moves = moves

    def append(self, lease: str, first_sequence: int, events: Sequence[Event]) -> int:
        """Apply events under a lease; return the sequence expected next. Those applied already are passed over.

        An event that cannot be used keeps its sequence and becomes a warning of the run: its program wrote it, and the
        events behind it must not wait for it for ever.

        Raises what `take` does, and FailedPrecondition (LEASE_LOST).
        """
        with self._store.change() as change:
            return self.take(change, held_run(change.connection, lease), first_sequence, events)

    def take(self, change: Change, row: Any, first_sequence: int, events: Sequence[Event]) -> int:
        """Do so with what a run, given as its row, has written. Raises OutOfRange (EVENT_GAP, with `next_sequence`)."""
        if first_sequence < 0 or len(events) > limits.EVENTS:
            message = f"events: at most {limits.EVENTS} at a time, from a sequence of 0 or more"
            raise InvalidArgument(message, field="events")
        known: int = row.next_sequence
        if first_sequence > known:
            message = f"{known} events are stored; go on there"
            raise OutOfRange(message, reason="EVENT_GAP", metadata={"next_sequence": str(known)})
        new = events[known - first_sequence :]
        if not new:
            return known
        self._apply(change, row, known, new)
        _COUNT.run(change.connection, {"at": row.key, "next_sequence": known + len(new)})
        change.wake_watchers_of(row)
        return known + len(new)

    def list_metrics(self, workspace: str, run: str, metric: str, size: int, token: str) -> Page:
        """Return a page of a run's metric points in the order of logging. Raises NotFound (RUN_NOT_FOUND)."""
        check_text("metric", metric, limits.METRIC_NAME)
        query = {"list": "metrics", "run": [workspace, run], "metric": metric}
        after = after_key(token, query, int)
        with self._store.look() as connection:
            key = self._reading.require_row(connection, workspace, run).key
            chosen = sa.select(metrics).where(metrics.c.run_key == key)
            if metric:
                chosen = chosen.where(metrics.c.metric == metric)
            if after:
                chosen = chosen.where(metrics.c.sequence > after[0])
            rows = connection.execute(chosen.order_by(metrics.c.sequence).limit(size + 1)).all()
        points = [to_point(row) for row in rows[:size]]
        return Page(points, len(rows) > size, lambda point: page_token((point.sequence,), query))

    def _apply(self, change: Change, row: Any, sequence: int, events: Sequence[Event]) -> None:
        points: list[Keyed] = []
        warnings = []
        parts = _Parts(change.connection, row)
        for number, event in enumerate(events, sequence):
            target, inner = (parts.find(event.child), event.event) if isinstance(event, ChildEvent) else (row, event)
            wrong = _wrong(inner) if target is not None else parts.why_not(event)
            if wrong is None and isinstance(inner, MetricPoint):
                points.append((target.key, number, inner))
            elif wrong is None:
                wrong = self._apply_one(change, target, inner)
                if isinstance(inner, End):
                    parts.forget(target)
            if wrong is not None:
                warnings.append(wrong)
        if points:
            change.connection.execute(metrics.insert(), [to_row(*each) for each in points])
            sum_up(change.connection, points)
        for key in parts.found:
            change.wake(run_changed(key))
        if warnings:
            self._moves.warn(change, row, warnings)

    def _apply_one(self, change: Change, row: Any, event: Event) -> str | None:
        """Apply an event that is no metric; return what is wrong with it."""
        connection = change.connection
        match event:
            case TagChange(key, value):
                with undoable(connection, row, tags, key):
                    return _apply_tag(connection, row.key, key, value)
            case PropertyChange(key, value):
                with undoable(connection, row, properties, key):
                    return _apply_property(connection, row.key, key, value)
            case Address(address):
                if row.kind is not Kind.REPLICA:
                    return "an address was reported, but only replicas have one"
                connection.execute(runs.update().where(runs.c.key == row.key).values(address=address))
            case End(state, error):
                if row.holder is None:
                    return "an end was reported, but a run ends otherwise"
                failed = state is State.FAILED
                self._moves.end(change, row, state, error=cut(error or UNEXPLAINED) if failed else None)
        return None


class _Parts:
    """The interactive runs that are part of a run, as it names them: locked, each read once."""

    def __init__(self, connection: sa.Connection, row: Any) -> None:
        self._connection = connection
        self._row = row
        self._known: dict[str, Any] = {}
        self.found: set[int] = set()

    def find(self, run: str) -> Any:
        """Return the row of one that goes on; None for any other run."""
        if run not in self._known:
            mine = (runs.c.workspace == self._row.workspace, runs.c.id == run, runs.c.holder == self._row.key)
            chosen = sa.select(runs).where(*mine, runs.c.state.not_in(sorted(FINAL))).with_for_update()
            self._known[run] = self._connection.execute(chosen).one_or_none()
        found = self._known[run]
        if found is not None:
            self.found.add(found.key)
        return found

    def forget(self, row: Any) -> None:
        """Look anew for all: one has ended, and took others along."""
        self._known.clear()

    def why_not(self, event: Event) -> str:
        """Return what is wrong with an event of a run that was not found."""
        name = event.child[:100] if isinstance(event, ChildEvent) else ""
        return f"an event of the run {name!r} was not kept: it has ended, or is not part of this one"


def _apply_tag(connection: sa.Connection, key: int, name: str, value: str | None) -> str | None:
    if value is None:
        remove_tags(connection, key, [name])
    elif not set_tag(connection, key, name, value):
        return f"the tag {name!r} was not set: a run has at most {limits.TAGS}"
    return None


def _apply_property(connection: sa.Connection, key: int, name: str, value: str) -> str | None:
    known = property_value(connection, key, name)
    if known is None:
        if insert_property(connection, key, name, value):
            return None
        return f"the property {name!r} was not set: a run has at most {limits.TAGS}"
    return (
        None if known == value else f"the property {name!r} keeps its value {known[:100]!r}: use a tag for what changes"
    )


def _wrong(event: Event) -> str | None:
    """Return what makes an event unusable, or is all that it says; None when nothing does."""
    match event:
        case Unreadable(reason):
            return f"an event could not be read: {reason}"
        case Warned(text):
            return text
        case MetricPoint():
            return _wrong_point(event)
        case TagChange(key, value):
            wrong = wrong_label(key, value or "")
            return f"a tag was not set: {wrong}" if wrong else None
        case PropertyChange(key, value):
            wrong = wrong_label(key, value)
            return f"a property was not set: {wrong}" if wrong else None
        case End(state, _):
            return None if state in FINAL else "an end was reported that is none"
        case ChildEvent():
            return "an event of an event cannot be read"
        case Address(address):
            return None if _ADDRESS.fullmatch(address) else f"no address of the form host:port: {address[:100]!r}"


def _wrong_point(point: MetricPoint) -> str | None:
    name = point.metric
    if not name or not is_text(name, limits.METRIC_NAME):
        return f"a metric was not kept: names are 1 to {limits.METRIC_NAME} characters: {name[:50]!r}"
    if point.type in CELLS:
        if len(point.cells) > limits.COLUMNS:
            return f"a row of metric {name!r} was not kept: at most {limits.COLUMNS} columns"
        if any(not column or len(column) > limits.METRIC_NAME for column in point.cells):
            return f"a row of metric {name!r} was not kept: columns are 1 to {limits.METRIC_NAME} characters"
    texts = [value for value in (point.value, *point.cells.values()) if isinstance(value, str)]
    if any(len(text) > limits.METRIC_TEXT for text in texts):
        return f"a value of metric {name!r} was not kept: text of at most {limits.METRIC_TEXT} characters"
    return None
