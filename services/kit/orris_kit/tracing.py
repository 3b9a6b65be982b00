"""Traces: which calls, and which stages of a run, belong to one thing that somebody asked for.

with span("prepare run", run=name): ...

A trace's context travels as W3C's `traceparent` (https://www.w3.org/TR/trace-context/) in the metadata of calls, on the
run, and to its program. It is passed on whether or not this process reports spans, which it does where an address for
them is set (OTEL_EXPORTER_OTLP_ENDPOINT). OpenTelemetry is imported only then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

TRACEPARENT = "traceparent"

_FORM = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


class Span(Protocol):
    """Something that takes time."""

    traceparent: str

    def end(self, error: str = "") -> None:
        """Say that it is over, and what went wrong."""
        ...


class Tracer(Protocol):
    """Reports spans."""

    def begin(
        self, name: str, parent: str, attributes: dict[str, str], *, serves: bool = False, start: float | None = None
    ) -> Span:
        """Begin a span below `parent` (a traceparent; empty: a trace of its own), now or at a Unix time in seconds."""
        ...


_tracer: Tracer | None = None
_current: ContextVar[str] = ContextVar("orris_traceparent", default="")


def report_to(tracer: Tracer | None) -> None:
    """Report the spans of this process from now on; None: no longer."""
    global _tracer
    _tracer = tracer


def is_reported() -> bool:
    """Tell whether spans are reported."""
    return _tracer is not None


def checked(traceparent: str) -> str:
    """Return a traceparent that came from outside, empty where it is none."""
    return traceparent if _FORM.fullmatch(traceparent) else ""


def current() -> str:
    """Return the traceparent of what is being done here; empty where it belongs to no trace."""
    return _current.get()


def trace_id(traceparent: str) -> str:
    """Return the 32 hexadecimal digits that all of a trace have in common."""
    return traceparent[3:35]


def enter(name: str, parent: str) -> Span | None:
    """Begin what a server does for a caller, for the rest of this task; the caller ends the span, if there is one."""
    begun = None if _tracer is None else _tracer.begin(name, parent, {}, serves=True)
    _current.set(parent if begun is None else begun.traceparent)
    return begun


@contextmanager
def span(name: str, parent: str | None = None, **attributes: str) -> Iterator[None]:
    """Take the block for a stage of what `parent` began; by default, of what is being done here."""
    above = _current.get() if parent is None else parent
    begun = None if _tracer is None else _tracer.begin(name, above, attributes)
    token = _current.set(above if begun is None else begun.traceparent)
    error = ""
    try:
        yield
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        _current.reset(token)
        if begun is not None:
            begun.end(error)


def past(name: str, start: float, **attributes: str) -> None:
    """Report a stage that ends now and has begun at a Unix time."""
    if _tracer is not None:
        _tracer.begin(name, _current.get(), attributes, start=start).end()
