"""What runs report while they run: metrics, tags, properties, addresses; each event once, in order."""

import json
import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from orris.errors import InvalidArgument, OutOfRange
from orris_kit.paging import after_key, page_token
from orris_kit.text import check_text, is_text
from orris_runs import limits
from orris_runs.checks import wrong_label
from orris_runs.labels import insert_property, property_value, remove_tags, set_tag
from orris_runs.leases import held_run
from orris_runs.model import CELLS, Address, Event, Kind, MetricPoint, PropertyChange, TagChange, Unreadable
from orris_runs.moves import Moves
from orris_runs.reading import Page, Reading
from orris_runs.rows import to_json
from orris_runs.schema import metrics, runs
from orris_runs.store import Change, Store, run_changed

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

        Raises OutOfRange (EVENT_GAP, with `next_sequence`), FailedPrecondition (LEASE_LOST).
        """
        if first_sequence < 0 or len(events) > limits.EVENTS:
            message = f"events: at most {limits.EVENTS} at a time, from a sequence of 0 or more"
            raise InvalidArgument(message, field="events")
        with self._store.change() as change:
            row = held_run(change.connection, lease)
            known: int = row.next_sequence
            if first_sequence > known:
                message = f"{known} events are stored; go on there"
                raise OutOfRange(message, reason="EVENT_GAP", metadata={"next_sequence": str(known)})
            new = events[known - first_sequence :]
            if not new:
                return known
            self._apply(change, row, known, new)
            counted = runs.update().where(runs.c.key == row.key).values(next_sequence=known + len(new))
            change.connection.execute(counted)
            change.wake(run_changed(row.key))
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
        points = [_to_point(row) for row in rows[:size]]
        return Page(points, len(rows) > size, lambda point: page_token((point.sequence,), query))

    def _apply(self, change: Change, row: Any, sequence: int, events: Sequence[Event]) -> None:
        points, warnings = [], []
        for number, event in enumerate(events, sequence):
            wrong = _wrong(event)
            if wrong is None and isinstance(event, MetricPoint):
                points.append(_to_row(row.key, number, event))
            elif wrong is None:
                wrong = self._apply_one(change, row, event)
            if wrong is not None:
                warnings.append(wrong)
        if points:
            change.connection.execute(metrics.insert(), points)
        if warnings:
            self._moves.warn(change, row, warnings)

    def _apply_one(self, change: Change, row: Any, event: Event) -> str | None:
        """Apply an event that is no metric; return what is wrong with it."""
        connection = change.connection
        match event:
            case TagChange(key, None):
                remove_tags(connection, row.key, [key])
            case TagChange(key, str(value)):
                if not set_tag(connection, row.key, key, value):
                    return f"the tag {key!r} was not set: a run has at most {limits.TAGS}"
            case PropertyChange(key, value):
                return _apply_property(connection, row.key, key, value)
            case Address(address):
                if row.kind is not Kind.REPLICA:
                    return "an address was reported, but only replicas have one"
                connection.execute(runs.update().where(runs.c.key == row.key).values(address=address))
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
    """Return what makes an event unusable; None when nothing does."""
    match event:
        case Unreadable(reason):
            return f"an event could not be read: {reason}"
        case MetricPoint():
            return _wrong_point(event)
        case TagChange(key, value):
            wrong = wrong_label(key, value or "")
            return f"a tag was not set: {wrong}" if wrong else None
        case PropertyChange(key, value):
            wrong = wrong_label(key, value)
            return f"a property was not set: {wrong}" if wrong else None
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


def _to_row(key: int, sequence: int, point: MetricPoint) -> dict[str, Any]:
    return {
        "run_key": key,
        "sequence": sequence,
        "metric": point.metric,
        "type": point.type,
        "step": point.step,
        "time": point.time,
        "value": to_json(dict(point.cells) if point.type in CELLS else point.value),
    }


def _to_point(row: Any) -> MetricPoint:
    value = json.loads(row.value)
    kept: dict[str, Any] = {"cells": value} if row.type in CELLS else {"value": value}
    return MetricPoint(row.metric, row.type, row.time, row.step, sequence=row.sequence, **kept)
