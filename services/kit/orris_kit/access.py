"""Who may call a handler: `@allow(Role.USER)` beside the code it protects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from orris_kit.auth import Role

Handler = TypeVar("Handler", bound=Callable[..., Any])

_ATTRIBUTE = "orris_admits"
_BUSY = "orris_busy"
ANYONE: frozenset[Role] = frozenset()


def allow(first: Role, *others: Role) -> Callable[[Handler], Handler]:
    """Admit these roles, and nobody else, to a handler."""

    def mark(handler: Handler) -> Handler:
        setattr(handler, _ATTRIBUTE, frozenset((first, *others)))
        return handler

    return mark


def allow_anyone(handler: Handler) -> Handler:
    """Admit everybody, without a token: the handler authenticates its callers itself, or answers all alike."""
    setattr(handler, _ATTRIBUTE, ANYONE)
    return handler


def busy(handler: Handler) -> Handler:
    """Mark a handler that is called thousands of times a second.

    It bounds its own time, and the access log has only its failures.
    """
    setattr(handler, _BUSY, True)
    return handler


def is_busy(handler: Callable[..., Any]) -> bool:
    """Tell whether a handler is marked so."""
    return getattr(handler, _BUSY, False)


def admitted(handler: Callable[..., Any]) -> frozenset[Role] | None:
    """Return the roles that a handler admits, ANYONE for an open one, None when it does not say."""
    roles: frozenset[Role] | None = getattr(handler, _ATTRIBUTE, None)
    return roles
