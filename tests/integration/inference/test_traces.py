"""A program's trace goes on through its calls and its predictions, to a collector that is told of both sides."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from orris.errors import NotFound
from orris.inference.v1 import inference_service_pb2
from orris.sdk import scoring
from orris.sdk.connection import Connection
from orris_kit import tracing
from orris_kit.otlp import OtlpTracer
from tests.integration.inference.conftest import Installation
from tests.servers.collector import Collector

ROWS = [[5.1, 3.5, 1.4, 0.2]]
SCORE = "POST /api/v1/service/{id}/score"
GET = "/orris.inference.v1.EndpointService/GetEndpoint"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that this process reports to as a service does."""
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.address)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    service = OtlpTracer("orris-inference")
    tracing.report_to(service)
    yield made
    tracing.report_to(None)
    service.close()
    made.close()


@pytest.fixture
def program(collector: Collector) -> Iterator[trace.Tracer]:
    """The tracer of a program that reports its own spans to the same collector."""
    provider = TracerProvider(resource=Resource.create({"service.name": "program"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    yield provider.get_tracer("program")
    provider.shutdown()


async def test_calls_and_predictions_are_of_the_programs_trace(
    installation: Installation, collector: Collector, program: trace.Tracer
) -> None:
    await installation.start()
    endpoint = await installation.deploy(installation.register(model()))
    connection = Connection(installation.address, installation.token())
    key = await installation.key()

    def work() -> None:
        with program.start_as_current_span("work"):
            connection.endpoints.GetEndpoint(inference_service_pb2.GetEndpointRequest(name=endpoint.name))
            status, _ = scoring.post(endpoint.scoring_uri, ROWS, key, timeout=20)
            assert status == 200

    await asyncio.to_thread(work)
    found = await traced(collector, "work", {"work", GET, SCORE})
    _, work_span = found["work"]
    for name in (GET, SCORE):
        who, span = found[name]
        assert (who, span.kind, span.parent_span_id) == ("orris-inference", Span.SPAN_KIND_SERVER, work_span.span_id)
        assert span.status.code == Status.STATUS_CODE_UNSET
        assert work_span.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano


async def test_what_was_refused_is_a_span_that_says_so(
    installation: Installation, collector: Collector, program: trace.Tracer
) -> None:
    await installation.start()
    endpoint = await installation.deploy(installation.register(model()))
    connection = Connection(installation.address, installation.token())

    def work() -> None:
        with program.start_as_current_span("mistakes"):
            with pytest.raises(NotFound):
                connection.endpoints.GetEndpoint(
                    inference_service_pb2.GetEndpointRequest(name="workspaces/lab/endpoints/absent")
                )
            status, _ = scoring.post(endpoint.scoring_uri, ROWS, "stranger", timeout=20)
            assert status == 401

    await asyncio.to_thread(work)
    found = await traced(collector, "mistakes", {"mistakes", GET, SCORE})
    assert {name: found[name][1].status.message for name in (GET, SCORE)} == {GET: "NOT_FOUND", SCORE: "HTTP 401"}


def model() -> SVC:
    return SVC().fit(*load_iris(return_X_y=True))


async def traced(collector: Collector, root: str, names: set[str]) -> dict[str, tuple[str, Span]]:
    """Return the spans of the trace that a program has begun with `root`, as soon as those named are there."""
    async with asyncio.timeout(30):
        while True:
            for trace_id in [span.trace_id.hex() for _, span in collector.spans if span.name == root]:
                if names <= (found := collector.trace(trace_id)).keys():
                    return found
            await asyncio.sleep(0.02)
