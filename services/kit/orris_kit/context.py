"""What the code under an RPC may ask about it: who calls, under which id, for how much longer.

One context variable holds all of it; `run_blocking` carries it into its threads, `connect` on to other services.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from orris.errors import Unauthenticated
from orris_kit.auth import Principal
from orris_kit.tracing import Span


@dataclass(slots=True)
class Call:
    """One RPC being answered. `deadline` is in seconds of the monotonic clock; None: no end."""

    method: str
    request_id: str
    deadline: float | None = None
    principal: Principal | None = None
    draining: asyncio.Event | None = None
    span: Span | None = None
    peer: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


_call: ContextVar[Call | None] = ContextVar("orris_call", default=None)


def current_call() -> Call | None:
    """Return the RPC being answered; None outside one."""
    return _call.get()


def enter_call(call: Call) -> None:
    """Make `call` the current one, for the rest of this task."""
    _call.set(call)


def current_principal() -> Principal:
    """Return who calls. Raises Unauthenticated where nobody is known."""
    call = _call.get()
    if call is None or call.principal is None:
        raise Unauthenticated("this call has no principal")
    return call.principal


def current_request_id() -> str | None:
    """Return the current RPC's request id; None outside an RPC."""
    call = _call.get()
    return call.request_id if call else None


def remaining_seconds() -> float | None:
    """Return how long the caller of the current RPC still waits (0 or more); None: no end."""
    call = _call.get()
    if call is None or call.deadline is None:
        return None
    return max(0.0, call.deadline - time.monotonic())


def new_request_id() -> str:
    """Return 16 hexadecimal digits to find one call by; no secret."""
    return f"{random.getrandbits(64):016x}"
