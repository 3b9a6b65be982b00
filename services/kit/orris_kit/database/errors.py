"""What goes wrong between here and a database, as the errors that clients know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from orris.errors import OrrisError, ResourceExhausted, Unavailable
from orris_kit.logging import get_logger

log = get_logger(__name__)

# PostgreSQL, Appendix A: classes and codes of SQLSTATE.
_LOST = ("08", "57P01", "57P02", "57P03", "57P05", "53300")
_BUSY = ("40001", "40P01", "55P03", "57014")
_FULL = ("53100", "53200")
# https://sqlite.org/rescode.html: the primary codes, SQLITE_BUSY and so on.
_SQLITE_BUSY = (5, 6)
_SQLITE_FULL = 13


class DatabaseUnavailable(Unavailable):
    """The database cannot be used now: nothing was done, and the same may succeed later."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise DatabaseUnavailable (DATABASE_UNREACHABLE, DATABASE_BUSY) where the same may succeed later.

    Also ResourceExhausted (DATABASE_FULL), and what a column says of its value.
    """
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: sa.exc.SQLAlchemyError) -> OrrisError | None:
    original = getattr(error, "orig", None)
    if isinstance(original, OrrisError):
        return original
    if isinstance(error, sa.exc.TimeoutError) or _is(original, _BUSY, _SQLITE_BUSY):
        return DatabaseUnavailable("the database is busy; try again", reason="DATABASE_BUSY")
    if _is(original, _FULL, (_SQLITE_FULL,)):
        return ResourceExhausted("the database's disk is full; free space there, then retry", reason="DATABASE_FULL")
    if isinstance(error, sa.exc.DBAPIError) and _is_lost(error, original):
        log.warning("the database cannot be reached", why=" ".join(str(original).split())[:500])
        return DatabaseUnavailable("the database cannot be reached; try again", reason="DATABASE_UNREACHABLE")
    return None


def _is(original: Any, states: tuple[str, ...], codes: tuple[int, ...]) -> bool:
    state, code = getattr(original, "sqlstate", None), getattr(original, "sqlite_errorcode", None)
    return (state is not None and state.startswith(states)) or (code is not None and code & 0xFF in codes)


def _is_lost(error: sa.exc.DBAPIError, original: Any) -> bool:
    if error.connection_invalidated or _is(original, _LOST, ()):
        return True
    # What fails before a server has answered has no state.
    return isinstance(error, sa.exc.OperationalError) and getattr(original, "sqlstate", "") is None
