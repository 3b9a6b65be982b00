"""Claims on a database: one process at a time has it, and when that process ends, however it ends, nobody has."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from orris_kit.database.errors import DatabaseUnavailable, translated
from orris_kit.database.traits import traits_of
from orris_kit.database.transactions import lock_number

# Longer than a server is asked every second, shorter than a server keeps the locks of a machine that it lost sight of.
TRUST_SECONDS = 10.0


class Superseded(Exception):
    """Another process has claimed the database since."""


class Claim(Protocol):
    """The right to be the one process that uses a database. `lasting`: nothing but the process's end takes it away."""

    @property
    def lasting(self) -> bool: ...

    def take(self) -> bool:
        """Take it, or take it again; return False while another has it. Raises DatabaseUnavailable, Superseded."""
        ...

    def check(self) -> None:
        """Raise DatabaseUnavailable unless it is held for all we know."""
        ...

    def release(self) -> None:
        """Let others have it."""
        ...


def claim_on(engine: sa.Engine) -> Claim:
    """Return a claim on a database, not taken yet."""
    if engine.dialect.name == "sqlite":
        return FileClaim(Path(f"{engine.url.database}.lock"))
    return SessionClaim(engine)


class FileClaim:
    """A lock of the kernel's on a file beside the database. The file stays: removed, there could be two of it."""

    lasting = True

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")

    def take(self) -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def check(self) -> None:
        """Nobody takes it away."""

    def release(self) -> None:
        self._file.close()


class SessionClaim:
    """An advisory lock of a PostgreSQL session of its own, which the server drops with the session.

    A sequence counts those who had it. So a process whose session was lost knows whether somebody had it in between:
    then what it remembers is out of date.
    """

    lasting = False

    def __init__(self, engine: sa.Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = lock_number(traits_of(engine).schema, "claim")
        self._taking = threading.Lock()
        self._session: sa.Connection | None = None
        self._claimed = False
        self._number: int | None = None
        self._known = float("-inf")

    def take(self) -> bool:
        with self._taking:
            asked = self._clock()
            try:
                with translated():
                    held = self._take(self._session or self._begin())
            except BaseException:
                self._end()
                raise
            if held:
                self._known = asked
            return held

    def check(self) -> None:
        if not self._claimed or self._clock() - self._known > TRUST_SECONDS:
            message = "this service cannot tell whether the database is still its own; try again"
            raise DatabaseUnavailable(message, reason="DATABASE_UNREACHABLE")

    def release(self) -> None:
        with self._taking:
            if self._session is not None and self._claimed:
                with suppress(sa.exc.SQLAlchemyError):  # else it ends with the session, a little later
                    self._session.execute(sa.select(sa.func.pg_advisory_unlock(self._lock)))
            self._end()

    def _take(self, session: sa.Connection) -> bool:
        if self._claimed:
            session.exec_driver_sql("SELECT 1")
            return True
        claimed = bool(session.execute(sa.select(sa.func.pg_try_advisory_lock(self._lock))).scalar_one())
        if self._number is None:
            self._number = self._count(session) if claimed else None
        elif session.exec_driver_sql("SELECT last_value FROM claims").scalar_one() != self._number:
            raise Superseded
        self._claimed = claimed
        return claimed

    def _count(self, session: sa.Connection) -> int:
        session.exec_driver_sql("CREATE SEQUENCE IF NOT EXISTS claims")
        return int(session.exec_driver_sql("SELECT nextval('claims')").scalar_one())

    def _begin(self) -> sa.Connection:
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        session.detach()
        self._session = session
        return session

    def _end(self) -> None:
        session, self._session, self._claimed = self._session, None, False
        if session is not None:
            with suppress(sa.exc.SQLAlchemyError):
                session.close()
