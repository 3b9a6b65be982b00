"""How large a request was: known where it is read, asked for where the call is written down."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

_bytes: ContextVar[int | None] = ContextVar("orris_received_bytes", default=None)


def measured(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return a deserializer that notes the size of what it reads; gRPC calls it in the task of the handler."""

    def read_measured(raw: bytes) -> Any:
        _bytes.set(len(raw))
        return read(raw)

    return read_measured


def received_bytes() -> int | None:
    """Return the size of the request being answered, None of a stream of them."""
    return _bytes.get()
