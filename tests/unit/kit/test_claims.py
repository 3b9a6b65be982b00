"""Claims: one process has a database for itself, and whoever lost it writes nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest
import sqlalchemy as sa

from orris_kit.database import DatabaseUnavailable, open_database, write
from orris_kit.database.claims import TRUST_SECONDS, Claim, SessionClaim, Superseded, claim_on
from orris_kit.database.traits import traits_of
from tests.servers.databases import NewDatabase

metadata = sa.MetaData()


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Site:
    """A database, and processes that open it."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.url = url
        self.stack = stack

    def engine(self) -> sa.Engine:
        engine = open_database(self.url, "orris_kit", metadata)
        self.stack.callback(engine.dispose)
        return engine

    def claim(self) -> Claim:
        claim = claim_on(self.engine())
        self.stack.callback(claim.release)
        return claim

    def session_claim(self, clock: Clock) -> tuple[SessionClaim, sa.Engine]:
        """Return a claim that is taken, and the engine that asks it."""
        engine = self.engine()
        claim = SessionClaim(engine, clock)
        self.stack.callback(claim.release)
        traits_of(engine).gate = claim.check
        assert claim.take()
        return claim, engine

    def lose_sessions(self) -> None:
        """End all sessions, as a server that is restarted does."""
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'orris-kit'"
            )


@pytest.fixture
def site(new_database: NewDatabase) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(new_database(), stack)


@pytest.fixture
def on_postgres(new_postgres: NewDatabase) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(new_postgres(), stack)


def can_write(engine: sa.Engine) -> bool:
    try:
        with write(engine):
            return True
    except DatabaseUnavailable:
        return False


def test_one_has_it_and_the_next_gets_it_when_the_first_lets_go(site: Site) -> None:
    first, second = site.claim(), site.claim()
    assert first.take()
    assert not second.take()
    assert first.take()
    first.check()
    first.release()
    assert second.take()


@pytest.mark.needs("postgres")
def test_a_claim_whose_session_was_lost_is_taken_again(on_postgres: Site) -> None:
    claim, engine = on_postgres.session_claim(Clock())
    assert can_write(engine)
    on_postgres.lose_sessions()
    with pytest.raises(DatabaseUnavailable):
        claim.take()
    assert not can_write(engine)
    assert claim.take()
    assert can_write(engine)
    assert not on_postgres.claim().take()


@pytest.mark.needs("postgres")
def test_a_claim_that_another_had_meanwhile_is_lost_for_good(on_postgres: Site) -> None:
    """Also where the other one has gone since: what this one remembers is out of date."""
    claim, engine = on_postgres.session_claim(Clock())
    on_postgres.lose_sessions()
    other = on_postgres.claim()
    assert other.take()
    other.release()
    with pytest.raises(DatabaseUnavailable):
        claim.take()
    for _ in range(2):
        with pytest.raises(Superseded):
            claim.take()
        assert not can_write(engine)
    assert on_postgres.claim().take()


@pytest.mark.needs("postgres")
def test_a_session_that_the_server_still_takes_for_alive_is_waited_for(on_postgres: Site) -> None:
    """A network that was cut leaves the lock with the session that nobody has any more."""
    claim, engine = on_postgres.session_claim(Clock())
    on_postgres.lose_sessions()
    with psycopg.connect(on_postgres.url) as left:
        left.execute("SELECT pg_advisory_lock(%s)", [claim._lock])
        with pytest.raises(DatabaseUnavailable):
            claim.take()
        assert not claim.take()
        assert not can_write(engine)
    while not claim.take():  # its session ends a little after its connection
        assert not can_write(engine)
    assert can_write(engine)


@pytest.mark.needs("postgres")
def test_who_cannot_ask_whether_it_is_still_the_one_writes_nothing(on_postgres: Site) -> None:
    clock = Clock()
    claim, engine = on_postgres.session_claim(clock)
    clock.seconds += TRUST_SECONDS
    assert can_write(engine)
    clock.seconds += 1
    assert not can_write(engine)
    assert claim.take()
    assert can_write(engine)
