"""Spans reported over OTLP, by OpenTelemetry's SDK (`orris-kit[traces]`): imported only where that is wanted."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from orris_kit.tracing import TRACEPARENT

_NANOSECONDS = 1e9
_propagator = TraceContextTextMapPropagator()


class OtlpTracer:
    """Reports spans as the standard variables (OTEL_…) say. `service` is its name unless OTEL_SERVICE_NAME is set."""

    def __init__(self, service: str) -> None:
        name = os.environ.get("OTEL_SERVICE_NAME") or service  # noqa: TID251  # the SDK's settings are its own
        self._provider = TracerProvider(resource=Resource.create({"service.name": name}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("orris")

    def begin(
        self, name: str, parent: str, attributes: dict[str, str], *, serves: bool = False, start: float | None = None
    ) -> OtlpSpan:
        """Begin a span below `parent`."""
        kind = trace.SpanKind.SERVER if serves else trace.SpanKind.INTERNAL
        above = _propagator.extract({TRACEPARENT: parent}) if parent else None
        # A machine whose clock is ahead may have written the start.
        begun = None if start is None else int(min(start, time.time()) * _NANOSECONDS)
        named = {f"orris.{key}": value for key, value in attributes.items()}
        return OtlpSpan(self._tracer.start_span(name, above, kind, named, start_time=begun))

    def close(self) -> None:
        """Send what was not sent yet."""
        with suppress(Exception):  # a collector that is away must not keep a service from its end
            self._provider.shutdown()


class OtlpSpan:
    """A span of OpenTelemetry's."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def end(self, error: str = "") -> None:
        """Say that it is over, and what went wrong."""
        if error:
            self._span.set_status(trace.StatusCode.ERROR, error)
        self._span.end()
