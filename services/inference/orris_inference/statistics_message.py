"""Statistics as the contract has them."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from orris.inference.v1 import inference_pb2 as pb
from orris_inference.statistics import WINDOW_SECONDS, Statistics


def statistics_message(statistics: Statistics) -> pb.EndpointStatistics:
    """Return the message."""
    recent, failed, seconds = statistics.recent()
    begin = Timestamp()
    begin.FromDatetime(statistics.begin_time)
    message = pb.EndpointStatistics(
        count_begin_time=begin,
        requests=statistics.answered.count + statistics.errors.total(),
        errors=[pb.EndpointErrors(code=code, count=count) for code, count in sorted(statistics.errors.items())],
        window=Duration(seconds=WINDOW_SECONDS),
        requests_per_second=(recent.count + failed) / seconds,
        latency_p50=_duration(recent.quantile(0.5)),
        latency_p99=_duration(recent.quantile(0.99)),
        window_errors=failed,
    )
    _add_drift(message, statistics)
    return message


def _add_drift(message: pb.EndpointStatistics, statistics: Statistics) -> None:
    drift = statistics.drift
    if drift is None:
        return
    for each in drift.columns():
        message.columns.add(column=each.column, stability_index=each.index, values=each.values, missing=each.missing)
    message.drift_window.seconds = drift.window_seconds
    message.sample_rows = drift.reference.rows
    message.compared_rows = drift.rows


def _duration(seconds: float | None) -> Duration | None:
    return None if seconds is None else Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))
