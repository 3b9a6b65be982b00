"""What only PostgreSQL has: schemas, roles, sessions that are lost, deadlocks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from orris_kit.database import DatabaseUnavailable, Text, open_database, read, write
from tests.servers.databases import NewDatabase
from tests.servers.postgres import postgres

pytestmark = pytest.mark.needs("postgres")

metadata = sa.MetaData()
things = sa.Table("things", metadata, sa.Column("name", Text(20), primary_key=True), sa.Column("value", sa.Integer))


@pytest.fixture
def url(new_postgres: NewDatabase) -> str:
    return new_postgres()


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = open_database(url, "orris_kit", metadata)
    with write(engine) as connection:
        connection.execute(things.insert(), [{"name": name, "value": 0} for name in "ab"])
    yield engine
    engine.dispose()


def names(engine: sa.Engine) -> list[str]:
    with read(engine) as connection:
        return list(connection.execute(sa.select(things.c.name).order_by(things.c.name)).scalars())


def test_services_of_one_database_do_not_see_each_other(engine: sa.Engine, url: str) -> None:
    other = open_database(url, "tests", metadata)
    assert names(other) == []
    with write(other) as connection:
        connection.execute(things.insert().values(name="c"))
    assert (names(engine), names(other)) == (["a", "b"], ["c"])
    other.dispose()
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'things'").fetchall()
    assert sorted(found) == [("kit",), ("tests",)]


def test_a_role_that_owns_nothing_but_its_schema_is_enough(url: str) -> None:
    with psycopg.connect(url) as administrator:
        administrator.execute("DROP ROLE IF EXISTS orris_test_role")
        administrator.execute("CREATE ROLE orris_test_role LOGIN PASSWORD 'secret'")
        administrator.execute("CREATE SCHEMA kit AUTHORIZATION orris_test_role")
    own = sa.make_url(url).set(username="orris_test_role", password="secret").render_as_string(hide_password=False)
    engine = open_database(own, "orris_kit", metadata)
    assert names(engine) == []
    engine.dispose()
    with psycopg.connect(url) as administrator:
        administrator.execute("DROP OWNED BY orris_test_role")
        administrator.execute("DROP ROLE orris_test_role")


def test_a_session_says_whose_it_is(engine: sa.Engine) -> None:
    with read(engine) as connection:
        assert connection.exec_driver_sql("SHOW application_name").scalar() == "orris-kit"


def test_a_session_that_ends_in_a_transaction_is_unavailable_and_the_next_one_is_not(
    engine: sa.Engine, url: str
) -> None:
    with pytest.raises(DatabaseUnavailable) as caught, write(engine) as connection:
        connection.execute(things.update().values(value=1))
        with psycopg.connect(url) as other:
            other.execute(
                "SELECT pg_terminate_backend(%s)", [connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()]
            )
        connection.execute(sa.select(things)).all()
    assert caught.value.reason == "DATABASE_UNREACHABLE"
    with read(engine) as connection:
        assert set(connection.execute(sa.select(things.c.value)).scalars()) == {0}


def test_sessions_that_ended_between_transactions_are_not_noticed(engine: sa.Engine, url: str) -> None:
    assert names(engine) == ["a", "b"]
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orris-kit'")
    assert names(engine) == ["a", "b"]


def test_a_server_that_is_away_is_unavailable_until_it_is_back() -> None:
    with postgres() as server:
        engine = open_database(server.create("away"), "orris_kit", metadata)
        assert server.program is not None
        server.program.stop()
        for use in (read, write):
            with pytest.raises(DatabaseUnavailable) as caught, use(engine) as connection:
                connection.execute(sa.select(things)).all()
            assert caught.value.reason == "DATABASE_UNREACHABLE"
        server.program.start()
        assert names(engine) == []
        engine.dispose()


def test_of_two_who_wait_for_each_other_one_goes_on_and_the_other_may_try_again(engine: sa.Engine) -> None:
    both = threading.Barrier(2)
    failures: list[DatabaseUnavailable] = []

    def update(first: str, second: str) -> None:
        try:
            with write(engine) as connection:
                connection.execute(things.update().where(things.c.name == first).values(value=1))
                both.wait()
                connection.execute(things.update().where(things.c.name == second).values(value=1))
        except DatabaseUnavailable as error:
            failures.append(error)

    threads = [threading.Thread(target=update, args=names) for names in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [failure.reason for failure in failures] == ["DATABASE_BUSY"]
