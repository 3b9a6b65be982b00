"""Between the contract's messages and the domain: events and metrics."""

from datetime import UTC, datetime

from orris.errors import InvalidArgument
from orris.runs.v1 import agents_service_pb2, runs_pb2
from orris_runs.model import (
    CELLS,
    Address,
    ChildEvent,
    End,
    Event,
    MetricPoint,
    MetricSummary,
    MetricType,
    PropertyChange,
    Scalar,
    TagChange,
    Unreadable,
    Warned,
)
from orris_runs.translation import moment, run_error, states, timestamp


def event(message: agents_service_pb2.RunEvent) -> Event:
    """Return an event as a run reported it. What it cannot be made of is unreadable, with the reason."""
    own = _own_event(message)
    return ChildEvent(message.child, own) if message.child else own


def _own_event(
    message: agents_service_pb2.RunEvent,
) -> MetricPoint | TagChange | PropertyChange | End | Address | Unreadable | Warned:
    match message.WhichOneof("event"):
        case "metric":
            return _point(message.metric)
        case "tag":
            return TagChange(message.tag.key, None if message.tag.remove else message.tag.value)
        case "property":
            return PropertyChange(message.property.key, message.property.value)
        case "address":
            return Address(message.address)
        case "unreadable":
            return Unreadable(message.unreadable)
        case "warning":
            return Warned(message.warning)
        case "end":
            return _end(message.end)
        case _:
            return Unreadable("it is of a kind that this server does not know")


def point_message(point: MetricPoint) -> runs_pb2.MetricPoint:
    """Return a metric point's message."""
    cells = point.type in CELLS
    return runs_pb2.MetricPoint(
        metric=point.metric,
        type=point.type.value,  # type: ignore[arg-type]  # the numbers are the contract's
        step=point.step,
        time=timestamp(point.time),
        value=None if cells else value_message(point.value),
        cells={column: value_message(value) for column, value in point.cells.items()},
        sequence=point.sequence,
    )


def summary_message(summary: MetricSummary) -> runs_pb2.MetricSummary:
    """Return the message of what a metric's points come to."""
    return runs_pb2.MetricSummary(
        metric=summary.metric,
        count=summary.count,
        last=point_message(summary.last),
        minimum=summary.minimum,
        maximum=summary.maximum,
    )


def _end(message: agents_service_pb2.RunEvent.End) -> End | Unreadable:
    try:
        (state,) = states([message.state])
    except InvalidArgument as error:
        return Unreadable(error.message)
    return End(state, run_error(message.error) if message.HasField("error") else None)


def _point(message: runs_pb2.MetricPoint) -> MetricPoint | Unreadable:
    try:
        kind = MetricType(message.type)
        time = moment(message, "time") or datetime.now(UTC)
    except (ValueError, InvalidArgument):
        return Unreadable(f"metric {message.metric[:100]!r} has no valid type or time")
    cells = {column: scalar(value) for column, value in message.cells.items()} if kind in CELLS else {}
    step = message.step if message.HasField("step") else None
    return MetricPoint(message.metric, kind, time, step, None if kind in CELLS else scalar(message.value), cells)


def scalar(message: runs_pb2.MetricValue) -> Scalar:
    """Return what a value's message says."""
    kind = message.WhichOneof("kind")
    value: Scalar = getattr(message, kind) if kind else None
    return value


def value_message(value: Scalar) -> runs_pb2.MetricValue:
    """Return a value's message."""
    match value:
        case bool():
            return runs_pb2.MetricValue(boolean=value)
        case int():
            return runs_pb2.MetricValue(integer=value)
        case float():
            return runs_pb2.MetricValue(number=value)
        case str():
            return runs_pb2.MetricValue(text=value)
        case None:
            return runs_pb2.MetricValue()
