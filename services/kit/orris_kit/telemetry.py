"""What a process lets others see of it: `/metrics` where it is to be read, spans where they are to be sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from orris.errors import FailedPrecondition
from orris_kit import tracing
from orris_kit.config import ServiceSettings
from orris_kit.metrics.listening import metrics_at

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")


@contextmanager
def telemetry(service: str, settings: ServiceSettings, environ: Mapping[str, str]) -> Iterator[None]:
    """Open both as the settings, and OpenTelemetry's variables in `environ`, say.

    Raises FailedPrecondition for what cannot be opened.
    """
    with metrics_at(settings.metrics_listen, allow_insecure=settings.allow_insecure_listen), _spans(service, environ):
        yield


@contextmanager
def _spans(service: str, environ: Mapping[str, str]) -> Iterator[None]:
    if not _are_wanted(environ):
        yield
        return
    try:
        from orris_kit.otlp import OtlpTracer
    except ImportError as error:
        message = f"{_ENDPOINTS[0]} is set, but {error.name} is missing: pip install 'orris-kit[traces]'"
        raise FailedPrecondition(message, reason="NO_OPENTELEMETRY") from error
    tracer = OtlpTracer(service)
    tracing.report_to(tracer)
    try:
        yield
    finally:
        tracing.report_to(None)
        tracer.close()


def _are_wanted(environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER", "") == "none":
        return False
    if not any(environ.get(name) for name in _ENDPOINTS):
        return False
    protocols = {environ[name] for name in _PROTOCOLS if environ.get(name)}
    if protocols - {"http/protobuf"}:
        raise FailedPrecondition(f"{_PROTOCOLS[0]}: spans are sent as http/protobuf only", reason="OTLP_PROTOCOL")
    return True
