"""How an endpoint is asked and answers, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orris.inference.v1 import inference_pb2, inference_service_pb2
from orris.sdk.spelling import utc_text

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

    from orris.sdk.connection import Connection


def endpoint_statistics(connection: Connection, name: str) -> dict[str, Any]:
    """Return the statistics of an endpoint by its resource name. Raises NotFound.

    `requests` and `errors` (by kind) are those `since` the service started; `requestsPerSecond`, `latencyP50`,
    `latencyP99` (seconds, None without answers) and `recentErrors` are of the last `windowSeconds`. `drift` has, for
    each column of a model with a sample, the population stability `index` (None while there are too few values), the
    number of `values` sent and how many of them were `missing`, of the last `driftWindowSeconds`.
    """
    request = inference_service_pb2.GetEndpointStatisticsRequest(name=name)
    found = connection.endpoints.GetEndpointStatistics(request).statistics
    return {
        "since": utc_text(found.count_begin_time),
        "requests": found.requests,
        "errors": {each.code: each.count for each in found.errors},
        "windowSeconds": found.window.seconds,
        "requestsPerSecond": found.requests_per_second,
        "latencyP50": _seconds(found.latency_p50) if found.HasField("latency_p50") else None,
        "latencyP99": _seconds(found.latency_p99) if found.HasField("latency_p99") else None,
        "recentErrors": found.window_errors,
        "driftWindowSeconds": found.drift_window.seconds,
        "sampleRows": found.sample_rows,
        "comparedRows": found.compared_rows,
        "drift": [_drift(each) for each in found.columns],
    }


def _drift(column: inference_pb2.ColumnDrift) -> dict[str, Any]:
    index = column.stability_index if column.HasField("stability_index") else None
    return {"column": column.column, "index": index, "values": column.values, "missing": column.missing}


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9
