"""The trace that a call belongs to: OpenTelemetry's current one here, else that of the run it is made in."""

from __future__ import annotations

import os
import sys

_FORM_LENGTH = 55


def trace_context() -> tuple[tuple[str, str], ...]:
    """Return the metadata `traceparent` (https://www.w3.org/TR/trace-context/); none outside any trace."""
    trace = sys.modules.get("opentelemetry.trace")  # a program that traces has imported it
    context = None if trace is None else trace.get_current_span().get_span_context()
    if context is not None and context.is_valid:
        value = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    else:
        value = os.environ.get("TRACEPARENT", "")
    return (("traceparent", value),) if len(value) == _FORM_LENGTH and value.isascii() else ()
